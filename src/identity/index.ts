/** Identity: agents, their credentials and tokens, and who is calling. */
export { type AuthenticatorDeps, createAuthenticator } from './authenticator.ts';
export { type ChallengeFacts, challengeFor } from './challenge.ts';
export type { AgentKeys } from './credentials/agent-keys.ts';
export type { Bootstraps } from './credentials/bootstrap.ts';
export { type AgentKeyFile, createAssertionSigner } from './credentials/client-assertion.ts';
export type { CallBudgets } from './delegation/call-budgets.ts';
export type {
  ChildRequest,
  Delegate,
  Delegated,
  DelegationRefusal,
} from './delegation/delegate.ts';
export { type AgentToolDetail, type Constraint, readDetails } from './delegation/details.ts';
export { allowing, mayCallTool, type Rights } from './delegation/rights.ts';
export type { SpawnChild, SpawnOutcome, SpawnRequest } from './delegation/spawn-child.ts';
export type { IssuerKeys } from './keys/issuer-keys.ts';
export { readKeyFile, writeKeyFile } from './keys/key-file.ts';
export { createMemoryIdentityStore } from './memory.ts';
export { IDENTITY_MIGRATIONS } from './migrations.ts';
export type {
  Actor,
  Agent,
  AgentDelegation,
  AgentKey,
  AgentState,
  AuthenticationRefusal,
  Authenticator,
  Blueprint,
  BootstrapCredential,
  Delegation,
  IdentityChange,
  KeyAlgorithm,
  OAuthClient,
  OAuthGrant,
  PresentedCredential,
  Principal,
  PublicJwk,
  RevocationMark,
  RiskTier,
} from './model.ts';
export type { Clients } from './oauth/clients.ts';
export type { OAuthEvent } from './oauth/events.ts';
export type { Grants } from './oauth/grants.ts';
export { MAX_OAUTH_BODY, type OAuthRequest, type OAuthResponse } from './oauth/http.ts';
export { type AuthorizationServer, SCOPES } from './oauth/server.ts';
export type { WorkloadIssuer } from './oauth/workload-assertion.ts';
export type { ChangeSink, IdentityStore, SqlRunner, VerifyHuman } from './ports.ts';
export { type AgentFactsInput, MAX_AGENT_LIFE_MS } from './registry/agent-rules.ts';
export type { BlueprintInput, Blueprints } from './registry/blueprints.ts';
export type { AgentRegistry } from './registry/registry.ts';
export { createResourceDirectory, type ResourceDirectory } from './resources.ts';
export { ownerMark, type Revocations, userMark } from './revocations.ts';
export { createIdentity, type Identity, type IdentityDeps } from './service.ts';
export { createSqlIdentityStore } from './store.ts';
export { ACCESS_TOKEN_SECONDS, type AccessTokens } from './tokens/access-token.ts';
export type { ConnectionState } from './upstream/connection.ts';
export type { LoginState, StartedLogin } from './upstream/logins.ts';
export type {
  AssertionExchange,
  ConnectionStore,
  OutboundFetch,
  UpstreamAuth,
  UpstreamAuthEvent,
} from './upstream/model.ts';
export { openSealedStore } from './upstream/sealed-store.ts';
export { readSigningKey } from './upstream/signing-key.ts';
export {
  createUpstreamOAuth,
  type UpstreamOAuth,
  type UpstreamOAuthDeps,
} from './upstream/upstream-oauth.ts';
