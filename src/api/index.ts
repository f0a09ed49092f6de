/** The admin API: contract, server and typed client. */

export { type AuthzenDeps, createAuthzen } from './authzen/create-authzen.ts';
export { type ApiClient, type ApiClientOptions, type ApiEvent, createApiClient } from './client.ts';
export {
  PERMISSIONS,
  type Permission,
  ROUTES,
  type RouteId,
  type RouteInput,
  type RouteOutput,
  type RouteSpec,
} from './contract/index.ts';
export { isProblem, ProblemError } from './problem.ts';
export { type AdminApi, createAdminApi } from './server/create-admin-api.ts';
export type { AdminApiDeps, ToolFacts } from './server/deps.ts';
export type { PolicyChanges } from './server/policy-answers.ts';
export { UPSTREAM_CALLBACK_PATH } from './server/upstream-callback.ts';
