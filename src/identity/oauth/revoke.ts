import type { Actor } from '../model.ts';
import type { Revocations } from '../revocations.ts';
import type { AccessTokens } from '../tokens/access-token.ts';
import type { Grants } from './grants.ts';
import {
  jsonResponse,
  type OAuthRequest,
  type OAuthResponse,
  readForm,
  refusalResponse,
} from './http.ts';
import { authenticateClient, type TokenDeps } from './token.ts';

export interface RevokeDeps extends Pick<TokenDeps, 'assertions' | 'clients' | 'onEvent'> {
  readonly grants: Grants;
  readonly tokens: AccessTokens;
  readonly revocations: Revocations;
}

/**
 * Token revocation (RFC 7009): a client ends its own tokens, dead for the next call. A refresh token
 * takes its whole consent with it. Foreign and unknown tokens get the same 200 as revoked ones.
 */
export function createRevokeHandler(
  deps: RevokeDeps,
): (request: OAuthRequest) => Promise<OAuthResponse> {
  const { grants, tokens, revocations } = deps;
  return async (request) => {
    const form = readForm(request);
    if (!form.ok) return refusalResponse(form.refusal);
    const caller = authenticateClient(request, form.value, deps);
    if (!caller.ok) return refusalResponse(caller.refusal);
    const token = form.value.get('token');
    if (token === undefined)
      return refusalResponse({ error: 'invalid_request', description: 'token is missing' });
    const clientId = caller.value.kind === 'agent' ? caller.value.agent.id : caller.value.client.id;
    const by: Actor = { user: clientId, channel: 'system', reason: 'revoked by its client' };
    const grant = grants.find(token);
    if (grant !== undefined) {
      if (grant.clientId === clientId) await grants.revoke(grant.id, by);
    } else {
      const outcome = tokens.verify(token);
      if (outcome.ok && outcome.token.clientId === clientId)
        await revocations.revoke(outcome.token.jti, by, outcome.token.agentId);
    }
    return jsonResponse(200, {});
  };
}
