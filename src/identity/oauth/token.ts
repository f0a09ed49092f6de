import type { Clock } from '../../kernel/index.ts';
import { SECOND_MS, sha256Base64Url, timingSafeEqualText } from '../../kernel/index.ts';
import type { AgentKeys } from '../credentials/agent-keys.ts';
import type { MintRights } from '../delegation/mint-rights.ts';
import type { Rights } from '../delegation/rights.ts';
import type { PublicKey } from '../keys/jwk.ts';
import type { Agent, OAuthClient } from '../model.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { unusable } from '../registry/transitions.ts';
import type { ResourceDirectory } from '../resources.ts';
import type { AccessTokens } from '../tokens/access-token.ts';
import type { DpopVerifier } from '../tokens/dpop.ts';
import { ASSERTION_TYPE, type AssertionVerifier } from './assertion.ts';
import type { Clients } from './clients.ts';
import type { Codes } from './codes.ts';
import { readDetailsParameter } from './details-parameter.ts';
import type { OAuthEvent } from './events.ts';
import type { Grants } from './grants.ts';
import {
  accept,
  jsonResponse,
  type OAuthRefusal,
  type OAuthRequest,
  type OAuthResponse,
  type Outcome,
  readForm,
  refusalResponse,
  refuse,
} from './http.ts';
import { ACCESS_TOKEN_TYPE, type createTokenExchange, TOKEN_EXCHANGE } from './token-exchange.ts';
import { JWT_BEARER, type WorkloadAssertions } from './workload-assertion.ts';

const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

export interface TokenDeps {
  readonly assertions: AssertionVerifier;
  readonly agentKeys: AgentKeys;
  readonly clients: Clients;
  readonly codes: Codes;
  readonly grants: Grants;
  readonly registry: AgentRegistry;
  readonly resources: ResourceDirectory;
  readonly tokens: AccessTokens;
  readonly dpop: DpopVerifier;
  readonly clock: Clock;
  readonly tokenEndpoint: string;
  readonly scopes: readonly string[];
  readonly onEvent: (event: OAuthEvent) => void;
  readonly mintRights: MintRights;
  readonly exchange: ReturnType<typeof createTokenExchange>;
  readonly workloads: WorkloadAssertions;
}

type Parameters = ReadonlyMap<string, string>;
type Caller =
  | { readonly kind: 'workload'; readonly agent: Agent }
  | { readonly kind: 'agent'; readonly agent: Agent }
  | { readonly kind: 'client'; readonly client: OAuthClient };
/** What a grant type made of the request; `refreshToken` only for interactive clients. */
interface Issue {
  readonly agent: Agent;
  readonly clientId: string;
  readonly resource: string;
  readonly user?: string;
  readonly grantId?: string;
  readonly refreshToken?: string;
  readonly path?: readonly string[];
  readonly rights?: Rights;
  readonly txn?: string;
  readonly mayAct?: string;
  readonly rootClient?: string;
  /** Key the token is bound to, when it is not that of the DPoP proof. */
  readonly jkt?: string;
  readonly notAfter?: number;
  /** See `AccessTokenRequest.sequence`. */
  readonly sequence?: number;
  readonly exchanged?: true;
}

/**
 * Who calls: an agent by its client assertion, or a registered public client by its id alone (which
 * proves nothing; the code and its verifier, or the refresh token, do). Secrets are not a method.
 */
export function authenticateClient(
  request: OAuthRequest,
  parameters: Parameters,
  deps: Pick<TokenDeps, 'assertions' | 'clients' | 'onEvent'>,
): Outcome<Exclude<Caller, { readonly kind: 'workload' }>> {
  const unknown = refuse('invalid_client', 'client authentication failed');
  if (request.headers['authorization'] !== undefined || parameters.has('client_secret'))
    return refuse('invalid_client', 'client secrets are not supported; use private_key_jwt');
  const clientId = parameters.get('client_id');
  const assertion = parameters.get('client_assertion');
  if (assertion !== undefined) {
    if (parameters.get('client_assertion_type') !== ASSERTION_TYPE)
      return refuse('invalid_client', 'the client_assertion_type is not supported');
    const outcome = deps.assertions.verify(assertion);
    if (!outcome.ok || (clientId !== undefined && clientId !== outcome.agent.id)) {
      const reason = outcome.ok ? 'other_client_id' : outcome.reason;
      deps.onEvent({ kind: 'client.refused', reason, remote: request.remote });
      return unknown;
    }
    return accept({ kind: 'agent', agent: outcome.agent });
  }
  const client = clientId === undefined ? undefined : deps.clients.get(clientId);
  if (client === undefined) return unknown;
  return accept({ kind: 'client', client });
}

/** The token endpoint (RFC 6749 section 3.2): client_credentials, authorization_code, refresh_token. */
export function createTokenHandler(
  deps: TokenDeps,
): (request: OAuthRequest) => Promise<OAuthResponse> {
  const { codes, grants, registry, resources, tokens, dpop, clock, onEvent } = deps;

  /** RFC 8707 section 2.2: the requested resource, which must agree with what was consented to. */
  const resourceFor = (parameters: Parameters, consented?: string): Outcome<string> => {
    const requested = parameters.get('resource');
    if (requested === undefined) return accept(consented ?? resources.defaultResource);
    const resource = resources.resolve(requested);
    if (resource === undefined || (consented !== undefined && consented !== resource))
      return refuse('invalid_target', 'the resource is not one of this server or of this consent');
    return accept(resource);
  };

  /** A token that an agent asks for itself, with its key or as a workload; `authorization_details` narrows it. */
  const forAgent = (
    parameters: Parameters,
    agent: Agent,
    proof: PublicKey | undefined,
  ): Outcome<Issue> => {
    const { delegation } = agent;
    const resource = resourceFor(parameters, delegation?.resource);
    if (!resource.ok) return resource;
    const requested = readDetailsParameter(parameters);
    if (!requested.ok) return requested;
    // An instance or sub-agent has one key, and its tokens are never without it.
    if (
      delegation !== undefined &&
      !deps.agentKeys.usable(agent.id).some((key) => key.thumbprint === proof?.thumbprint)
    )
      return refuse('invalid_dpop_proof', 'send a DPoP proof by the key of this agent');
    const minted = deps.mintRights.ownRights(agent, requested.value);
    if (!minted.ok)
      return minted.what === 'grant'
        ? refuse('invalid_grant', minted.problem)
        : refuse('invalid_authorization_details', minted.problem);
    const mayAct = parameters.get('may_act');
    const named = mayAct === undefined ? undefined : registry.get(mayAct);
    if (mayAct !== undefined && (named === undefined || named.kind !== undefined))
      return refuse('invalid_request', 'may_act names a registered agent by its id');
    return accept({
      agent,
      clientId: agent.id,
      resource: resource.value,
      ...(minted.rights === undefined ? {} : { rights: minted.rights }),
      ...(mayAct === undefined ? {} : { mayAct }),
      ...(delegation === undefined
        ? {}
        : {
            path: delegation.path,
            txn: delegation.txn,
            // What came after its making and ended anything above it also ends this token.
            sequence: delegation.sequence,
            notAfter: agent.expiresAt,
            ...(delegation.user === undefined ? {} : { user: delegation.user }),
            ...(delegation.grantId === undefined ? {} : { grantId: delegation.grantId }),
            ...(delegation.clientId === undefined ? {} : { rootClient: delegation.clientId }),
          }),
    });
  };

  /** What the ceiling of the agent's blueprint leaves to an interactive client. */
  const rightsFor = (agent: Agent): Outcome<{ readonly rights?: Rights }> => {
    const minted = deps.mintRights.ownRights(agent, undefined);
    if (!minted.ok) return refuse('invalid_grant', minted.problem);
    return accept(minted.rights === undefined ? {} : { rights: minted.rights });
  };

  const usableAgent = (id: string): Outcome<Agent> => {
    const agent = registry.get(id);
    return agent === undefined ||
      agent.kind !== undefined ||
      unusable(agent, clock.now()) !== undefined
      ? refuse('invalid_grant', 'the agent may not get tokens now')
      : accept(agent);
  };

  const fromCode = async (
    parameters: Parameters,
    client: OAuthClient,
    jkt: string | undefined,
  ): Promise<Outcome<Issue>> => {
    const bad = refuse('invalid_grant', 'the code is not valid for this request');
    const taken = codes.take(parameters.get('code') ?? '');
    if (taken.kind === 'reused') {
      // Two parties hold the code: neither keeps what it gave out.
      if (taken.grantId !== undefined && grants.get(taken.grantId) !== undefined)
        await grants.revoke(taken.grantId, {
          user: 'authorization server',
          channel: 'system',
          reason: 'an authorization code came twice',
        });
      return bad;
    }
    if (taken.kind === 'unknown') return bad;
    const { facts } = taken;
    const verifier = parameters.get('code_verifier') ?? '';
    if (
      facts.clientId !== client.id ||
      parameters.get('redirect_uri') !== facts.redirectUri ||
      !VERIFIER.test(verifier) ||
      !timingSafeEqualText(sha256Base64Url(verifier), facts.challenge)
    )
      return bad;
    const resource = resourceFor(parameters, facts.resource);
    if (!resource.ok) return resource;
    const agent = usableAgent(facts.agentId);
    if (!agent.ok) return agent;
    const rights = rightsFor(agent.value);
    if (!rights.ok) return rights;
    const { grant, refreshToken } = await grants.create(
      {
        clientId: client.id,
        agentId: facts.agentId,
        user: facts.user,
        resource: facts.resource,
        scopes: facts.scopes,
        ...(jkt === undefined ? {} : { boundTo: jkt }),
      },
      { user: facts.user, channel: 'console', reason: 'consent given to an interactive client' },
    );
    taken.used(grant.id);
    return accept({
      agent: agent.value,
      clientId: client.id,
      resource: resource.value,
      user: facts.user,
      grantId: grant.id,
      ...rights.value,
      ...(client.grantTypes.includes('refresh_token') ? { refreshToken } : {}),
    });
  };

  const fromRefresh = async (
    parameters: Parameters,
    client: OAuthClient,
    jkt: string | undefined,
  ): Promise<Outcome<Issue>> => {
    const presented = parameters.get('refresh_token') ?? '';
    const known = grants.find(presented);
    const resource = resourceFor(parameters, known?.resource);
    if (known !== undefined && !resource.ok) return resource;
    if (known !== undefined) {
      const agent = usableAgent(known.agentId);
      if (!agent.ok) return agent;
    }
    const outcome = await grants.refresh(presented, client.id, jkt);
    if (typeof outcome === 'string')
      return refuse('invalid_grant', 'the refresh token is not valid');
    const { grant, refreshToken } = outcome;
    const agent = usableAgent(grant.agentId);
    if (!agent.ok) return agent;
    const rights = rightsFor(agent.value);
    if (!rights.ok) return rights;
    return accept({
      agent: agent.value,
      ...rights.value,
      clientId: client.id,
      resource: grant.resource,
      user: grant.user,
      grantId: grant.id,
      refreshToken,
    });
  };

  const issue = async (
    parameters: Parameters,
    caller: Caller,
    proof: PublicKey | undefined,
    remote: string,
  ): Promise<Outcome<Issue>> => {
    const jkt = proof?.thumbprint;
    const grantType = parameters.get('grant_type');
    switch (grantType) {
      case undefined:
        return refuse('invalid_request', 'grant_type is missing');
      case 'client_credentials': {
        if (caller.kind !== 'agent')
          return refuse('unauthorized_client', 'this grant needs private_key_jwt');
        return forAgent(parameters, caller.agent, proof);
      }
      case JWT_BEARER:
        // RFC 7521 section 4.1: the assertion is the grant, and it alone says who this is.
        return caller.kind === 'workload'
          ? forAgent(parameters, caller.agent, proof)
          : refuse('invalid_request', 'send the assertion and no client authentication');
      case TOKEN_EXCHANGE: {
        if (caller.kind === 'workload') return refuse('invalid_client', 'authenticate first');
        const outcome = await deps.exchange(parameters, caller, proof, remote);
        if (!outcome.ok) return outcome;
        const { agent } = outcome.value;
        return accept({ ...outcome.value, clientId: agent.id, exchanged: true });
      }
      case 'authorization_code':
      case 'refresh_token':
        if (caller.kind !== 'client')
          return refuse('unauthorized_client', 'agents use client_credentials');
        return grantType === 'authorization_code'
          ? fromCode(parameters, caller.client, jkt)
          : fromRefresh(parameters, caller.client, jkt);
      default:
        return refuse('unsupported_grant_type', 'the grant_type is not supported');
    }
  };

  const authenticateWorkload = async (
    request: OAuthRequest,
    parameters: Parameters,
  ): Promise<Outcome<Caller>> => {
    const unknown = refuse('invalid_grant', 'the assertion is not valid');
    if (request.headers['authorization'] !== undefined || parameters.has('client_secret'))
      return refuse('invalid_client', 'client secrets are not supported');
    const outcome = await deps.workloads.verify(parameters.get('assertion') ?? '');
    const clientId = parameters.get('client_id');
    if (!outcome.ok || (clientId !== undefined && clientId !== outcome.agent.id)) {
      const reason = outcome.ok ? 'other_client_id' : outcome.reason;
      onEvent({ kind: 'client.refused', reason: `workload: ${reason}`, remote: request.remote });
      return unknown;
    }
    return accept({ kind: 'workload', agent: outcome.agent });
  };

  return async (request) => {
    const failed = (refusal: OAuthRefusal): OAuthResponse => {
      onEvent({
        kind: 'token.refused',
        reason: `${refusal.error}: ${refusal.description}`,
        remote: request.remote,
      });
      return refusalResponse(refusal);
    };
    const form = readForm(request);
    if (!form.ok) return failed(form.refusal);
    const caller: Outcome<Caller> =
      form.value.get('grant_type') === JWT_BEARER
        ? await authenticateWorkload(request, form.value)
        : authenticateClient(request, form.value, deps);
    if (!caller.ok) return failed(caller.refusal);

    let proven: PublicKey | undefined;
    const proof = request.headers['dpop'];
    if (proof !== undefined) {
      const outcome = dpop.verify({ proof, method: 'POST', url: deps.tokenEndpoint });
      if (!outcome.ok)
        return failed({ error: 'invalid_dpop_proof', description: 'the DPoP proof is not valid' });
      proven = outcome.key;
    }

    const issued = await issue(form.value, caller.value, proven, request.remote);
    if (!issued.ok) return failed(issued.refusal);
    const { agent, clientId, resource, user, grantId, refreshToken } = issued.value;
    const { path, rights, txn, mayAct, rootClient, notAfter, exchanged, sequence } = issued.value;
    const jkt = issued.value.jkt ?? proven?.thumbprint;
    const { token, jti, expiresIn } = tokens.issue({
      agent,
      path: path ?? [agent.id],
      clientId,
      audience: resource,
      scopes: deps.scopes,
      ...(user === undefined ? {} : { user }),
      ...(grantId === undefined ? {} : { grantId }),
      ...(jkt === undefined ? {} : { jkt }),
      ...(rights === undefined ? {} : { rights }),
      ...(txn === undefined ? {} : { txn }),
      ...(mayAct === undefined ? {} : { mayAct }),
      ...(rootClient === undefined ? {} : { rootClient }),
      ...(notAfter === undefined ? {} : { notAfter }),
      ...(sequence === undefined ? {} : { sequence }),
    });
    onEvent({
      kind: 'token.issued',
      agentId: agent.id,
      clientId,
      token: jti,
      resource,
      remote: request.remote,
      ...(user === undefined ? {} : { user }),
      ...(path === undefined ? {} : { path }),
      ...(txn === undefined ? {} : { txn }),
    });
    return jsonResponse(200, {
      access_token: token,
      token_type: jkt === undefined ? 'Bearer' : 'DPoP',
      expires_in: expiresIn,
      scope: deps.scopes.join(' '),
      ...(rights === undefined ? {} : { authorization_details: rights.details }),
      ...(exchanged === undefined
        ? {}
        : {
            issued_token_type: ACCESS_TOKEN_TYPE,
            client_id: agent.id,
            agent_expires_at: Math.floor(agent.expiresAt / SECOND_MS),
          }),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    });
  };
}
