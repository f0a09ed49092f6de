/** Discovery: what MCP clients on this machine are told, and changing it with consent and a way back. */
export { type Plan, type PlanInput, planConnect, planUndo } from './change/connect.ts';
export { CLIENTS } from './clients/definitions.ts';
export { type LocatedPlace, locate, osOf } from './clients/locate.ts';
export { type FoundFile, findServers, leadsToGateway } from './find-servers.ts';
export type {
  ClientDefinition,
  ClientPlace,
  Format,
  FoundServer,
  Os,
  Scope,
  ServerEntry,
  Surroundings,
} from './model.ts';
