import { type Clock, createIdSource, type Logger, type Random } from '../kernel/index.ts';
import { createAuthenticator } from './authenticator.ts';
import { type AgentKeys, createAgentKeys } from './credentials/agent-keys.ts';
import { type Bootstraps, createBootstraps } from './credentials/bootstrap.ts';
import { type CallBudgets, createCallBudgets } from './delegation/call-budgets.ts';
import { createDelegate, type Delegate } from './delegation/delegate.ts';
import { createMintRights } from './delegation/mint-rights.ts';
import { createSpawnChild, type SpawnChild } from './delegation/spawn-child.ts';
import { createIssuerKeys, type IssuerKeys } from './keys/issuer-keys.ts';
import type { Actor, Agent, Authenticator, RevocationMark } from './model.ts';
import { createActorTokenVerifier } from './oauth/actor-token.ts';
import { createAssertionVerifier } from './oauth/assertion.ts';
import { type Clients, createClients } from './oauth/clients.ts';
import type { OAuthEvent } from './oauth/events.ts';
import { createGrants, type Grants } from './oauth/grants.ts';
import { endpointUrls } from './oauth/metadata.ts';
import { type AuthorizationServer, createAuthorizationServer, SCOPES } from './oauth/server.ts';
import { createTokenExchange } from './oauth/token-exchange.ts';
import { createWorkloadAssertions, type WorkloadIssuer } from './oauth/workload-assertion.ts';
import type { ChangeSink, IdentityStore, VerifyHuman } from './ports.ts';
import { createRecordChange } from './record-change.ts';
import { type Blueprints, createBlueprints } from './registry/blueprints.ts';
import { type AgentRegistry, createAgentRegistry } from './registry/registry.ts';
import type { ResourceDirectory } from './resources.ts';
import {
  blueprintMark,
  createRevocations,
  ownerMark,
  type Revocations,
  userMark,
} from './revocations.ts';
import { type AccessTokens, createAccessTokens } from './tokens/access-token.ts';
import { createDpopVerifier } from './tokens/dpop.ts';
import { createIssueSequence } from './tokens/sequence.ts';

export interface IdentityDeps {
  readonly store: IdentityStore;
  /** Where issuer and agent key files live; made with mode 0700 when absent. */
  readonly directory: string;
  readonly resources: ResourceDirectory;
  /** Writes the `admin` record of a change. A rejection stops changes that widen rights. */
  readonly onChange: ChangeSink;
  /** Token issues, refusals and consents, for `session` records. */
  readonly onEvent?: (event: OAuthEvent) => void;
  readonly verifyHuman: VerifyHuman;
  /** Platforms whose workload tokens stand for agents (RFC 7523 section 2.1). None unless given. */
  readonly workloadIssuers?: readonly WorkloadIssuer[];
  readonly mayConnect?: (user: string, agent: Agent) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface Identity {
  readonly registry: AgentRegistry;
  readonly blueprints: Blueprints;
  readonly delegate: Delegate;
  /** Makes a child for a caller at the gateway. */
  readonly spawnChild: SpawnChild;
  /** Counts calls against the limits of delegations; the gateway takes from it. */
  readonly budgets: CallBudgets;
  readonly agentKeys: AgentKeys;
  readonly bootstraps: Bootstraps;
  readonly clients: Clients;
  readonly grants: Grants;
  readonly revocations: Revocations;
  readonly issuerKeys: IssuerKeys;
  readonly accessTokens: AccessTokens;
  readonly authenticator: Authenticator;
  readonly authorizationServer: AuthorizationServer;
  readonly resources: ResourceDirectory;
  /** A new issuer key; see `IssuerKeys.rotate`. */
  rotateIssuerKey(by: Actor): Promise<void>;
  close(): void;
}

/**
 * Wires the whole area. Resolves when the stored state is in memory and the issuer key exists.
 * Throws `IDENTITY_KEY_FILE`, `IDENTITY_STORED_DAMAGED` and whatever the store throws.
 */
export async function createIdentity(deps: IdentityDeps): Promise<Identity> {
  const { store, directory, resources, clock, random } = deps;
  const ids = createIdSource(clock, random);
  const record = createRecordChange(deps.onChange);
  const sequence = createIssueSequence(clock);
  const onEvent = deps.onEvent ?? (() => {});
  const urls = endpointUrls(resources.issuer);

  const issuerKeys = await createIssuerKeys({ directory, random, clock, record });
  const revocations = await createRevocations({ store, clock, sequence, record });
  const registry = await createAgentRegistry({ store, revocations, clock, ids, record });
  const blueprints = await createBlueprints({ store, revocations, clock, record });
  const shared = { store, registry, revocations, clock, random, ids, sequence, record };
  const bootstraps = await createBootstraps(shared);
  const agentKeys = await createAgentKeys({
    ...shared,
    directory,
    issuer: resources.issuer,
    tokenEndpoint: urls.token,
    defaultResource: resources.defaultResource,
  });
  const grants = await createGrants(shared);
  const clients = await createClients({ ...shared, inUse: grants.inUse });
  const accessTokens = createAccessTokens({
    issuer: resources.issuer,
    keys: issuerKeys,
    clock,
    ids,
    sequence,
  });
  const authenticator = createAuthenticator({
    tokens: accessTokens,
    bootstraps,
    blueprints,
    registry,
    revocations,
    resources,
    dpop: createDpopVerifier(clock),
    clock,
    concerns: (mark) => concernedAgents(mark, registry, grants),
  });
  const budgets = createCallBudgets(clock, () => ids.next('token'));
  const mintRights = createMintRights({ ...shared, blueprints, budgets });
  const delegate = createDelegate({ ...shared, blueprints, mintRights, agentKeys, budgets });
  const audiences = [resources.issuer, urls.token];
  const authorizationServer = createAuthorizationServer({
    ...deps,
    ...shared,
    keys: issuerKeys,
    tokens: accessTokens,
    assertions: createAssertionVerifier({
      registry,
      keys: agentKeys,
      clock,
      audiences,
    }),
    agentKeys,
    mintRights,
    exchange: createTokenExchange({
      authenticator,
      delegate,
      actorTokens: createActorTokenVerifier(clock, audiences),
      resources,
      onEvent,
    }),
    workloads: createWorkloadAssertions({
      issuers: deps.workloadIssuers ?? [],
      registry,
      clock,
      ourIssuer: resources.issuer,
    }),
    clients,
    grants,
    onEvent,
  });

  return {
    registry,
    blueprints,
    delegate,
    spawnChild: createSpawnChild({
      ...shared,
      delegate,
      tokens: accessTokens,
      resources,
      scopes: SCOPES,
      onEvent,
    }),
    budgets,
    agentKeys,
    bootstraps,
    clients,
    grants,
    revocations,
    issuerKeys,
    accessTokens,
    authenticator,
    authorizationServer,
    resources,
    rotateIssuerKey: (by) => issuerKeys.rotate(by),
    close: () => registry.close(),
  };
}

/** Agents of a marked owner, and agents that a marked user or client acts as. */
function concernedAgents(
  mark: RevocationMark,
  registry: AgentRegistry,
  grants: Grants,
): readonly string[] {
  if (mark.agentId !== undefined) return [mark.agentId];
  if (registry.get(mark.id) !== undefined) return [mark.id];
  return [
    ...registry
      .list()
      .filter(
        (agent) =>
          agent.owners.some((owner) => ownerMark(owner) === mark.id) ||
          (agent.blueprint !== undefined && blueprintMark(agent.blueprint) === mark.id),
      )
      .map((agent) => agent.id),
    ...grants
      .list()
      .filter(({ user, clientId }) => userMark(user) === mark.id || clientId === mark.id)
      .map((grant) => grant.agentId),
  ];
}
