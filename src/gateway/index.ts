/** The enforcement point: MCP on both sides, every action decided and recorded before it is forwarded. */
export { type BrokerDeps, createBroker, type RunningBroker } from './broker/broker.ts';
export { NAME_SEPARATOR, SERVER_NAME } from './catalogue/expose-name.ts';
export { type CoreDeps, createGatewayCore, type RunningCore } from './core/core.ts';
export { createEdge, type Edge, type EdgeStatus } from './edge/create-edge.ts';
export type { EdgeDeps, WellKnownHandler } from './edge/deps.ts';
export type {
  Endpoint,
  Era,
  GatewayCore,
  Revision,
  ServerConfig,
  UpstreamInfo,
  UpstreamStatus,
} from './model.ts';
export type {
  AddedHeaders,
  CredentialChallenge,
  CredentialRefusal,
  UpstreamCredentials,
} from './upstream/credentials.ts';
export { createGuardedFetch, type GuardedFetch } from './upstream/guarded-fetch.ts';
export {
  createUpstreamPool,
  type ManagedUpstreamPool,
  type UpstreamPoolOptions,
} from './upstream/pool.ts';
export type { UpstreamFault } from './upstream/ports.ts';
export { createSealer, type Sealer, type SealKey } from './wire/seal.ts';
