import type { Clock } from '../../kernel/index.ts';
import { sha256Base64Url, timingSafeEqualText } from '../../kernel/index.ts';
import type { Agent, OAuthClient } from '../model.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { unusable } from '../registry/transitions.ts';
import type { ResourceDirectory } from '../resources.ts';
import { ACCESS_TOKEN_SECONDS, type AccessTokens } from '../tokens/access-token.ts';
import type { DpopVerifier } from '../tokens/dpop.ts';
import { ASSERTION_TYPE, type AssertionVerifier } from './assertion.ts';
import type { Clients } from './clients.ts';
import type { Codes } from './codes.ts';
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

const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

export interface TokenDeps {
  readonly assertions: AssertionVerifier;
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
}

type Parameters = ReadonlyMap<string, string>;
type Caller =
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
}

/**
 * Who calls: an agent by its client assertion, or a registered public client by its id alone (which
 * proves nothing; the code and its verifier, or the refresh token, do). Secrets are not a method.
 */
export function authenticateClient(
  request: OAuthRequest,
  parameters: Parameters,
  deps: Pick<TokenDeps, 'assertions' | 'clients' | 'onEvent'>,
): Outcome<Caller> {
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

  const usableAgent = (id: string): Outcome<Agent> => {
    const agent = registry.get(id);
    return agent === undefined || unusable(agent, clock.now()) !== undefined
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
    return accept({
      agent: agent.value,
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
    jkt: string | undefined,
  ): Promise<Outcome<Issue>> => {
    const grantType = parameters.get('grant_type');
    switch (grantType) {
      case undefined:
        return refuse('invalid_request', 'grant_type is missing');
      case 'client_credentials': {
        if (caller.kind !== 'agent')
          return refuse('unauthorized_client', 'this grant needs private_key_jwt');
        const resource = resourceFor(parameters);
        if (!resource.ok) return resource;
        return accept({
          agent: caller.agent,
          clientId: caller.agent.id,
          resource: resource.value,
        });
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
    const caller = authenticateClient(request, form.value, deps);
    if (!caller.ok) return failed(caller.refusal);

    let jkt: string | undefined;
    const proof = request.headers['dpop'];
    if (proof !== undefined) {
      const outcome = dpop.verify({ proof, method: 'POST', url: deps.tokenEndpoint });
      if (!outcome.ok)
        return failed({ error: 'invalid_dpop_proof', description: 'the DPoP proof is not valid' });
      jkt = outcome.jkt;
    }

    const issued = await issue(form.value, caller.value, jkt);
    if (!issued.ok) return failed(issued.refusal);
    const { agent, clientId, resource, user, grantId, refreshToken } = issued.value;
    const { token, jti } = tokens.issue({
      agent,
      path: [agent.id],
      clientId,
      audience: resource,
      scopes: deps.scopes,
      ...(user === undefined ? {} : { user }),
      ...(grantId === undefined ? {} : { grantId }),
      ...(jkt === undefined ? {} : { jkt }),
    });
    onEvent({
      kind: 'token.issued',
      agentId: agent.id,
      clientId,
      token: jti,
      resource,
      remote: request.remote,
      ...(user === undefined ? {} : { user }),
    });
    return jsonResponse(200, {
      access_token: token,
      token_type: jkt === undefined ? 'Bearer' : 'DPoP',
      expires_in: ACCESS_TOKEN_SECONDS,
      scope: deps.scopes.join(' '),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    });
  };
}
