import { SECOND_MS } from '../../kernel/index.ts';
import type { TokenAuthenticator } from '../authenticator.ts';
import type { Delegate, Delegated, DelegationRefusal } from '../delegation/delegate.ts';
import { rootClientOf } from '../delegation/delegate.ts';
import type { Rights } from '../delegation/rights.ts';
import type { PublicKey } from '../keys/jwk.ts';
import type { Agent, OAuthClient } from '../model.ts';
import type { ResourceDirectory } from '../resources.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { ActorTokenVerifier } from './actor-token.ts';
import { readDetailsParameter } from './details-parameter.ts';
import type { OAuthEvent } from './events.ts';
import { accept, type Outcome, refuse } from './http.ts';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';

type Parameters = ReadonlyMap<string, string>;
type Caller =
  | { readonly kind: 'agent'; readonly agent: Agent }
  | { readonly kind: 'client'; readonly client: OAuthClient };

export interface TokenExchangeDeps {
  readonly authenticator: TokenAuthenticator;
  readonly delegate: Delegate;
  readonly actorTokens: ActorTokenVerifier;
  readonly resources: ResourceDirectory;
  readonly onEvent: (event: OAuthEvent) => void;
}

/** What the token endpoint signs after an exchange. Always bound to `jkt`. */
export interface ExchangedToken {
  readonly agent: Agent;
  readonly path: readonly string[];
  readonly rights?: Rights;
  readonly txn: string;
  readonly sequence: number;
  readonly resource: string;
  readonly jkt: string;
  readonly user?: string;
  readonly grantId?: string;
  readonly rootClient?: string;
  /** The end (ms) of the subject token, which the new one does not outlive, nor the child's own. */
  readonly notAfter: number;
}

/**
 * Token exchange (RFC 8693) in three forms:
 * 1. An agent (private_key_jwt) exchanges its own token for one of a new child. The child's key is the one of `actor_token`,
 *    or of the DPoP proof.
 * 2. An interactive client does the same with a DPoP-bound token it holds, proven with that token's key.
 * 3. A registered agent exchanges a token that names it in `may_act`.
 * A subject token that its own holder did not prove, or that does not name the caller, is a copy in foreign hands.
 */
export function createTokenExchange(
  deps: TokenExchangeDeps,
): (
  parameters: Parameters,
  caller: Caller,
  proof: PublicKey | undefined,
  remote: string,
) => Promise<Outcome<ExchangedToken>> {
  const { authenticator, delegate, actorTokens, resources, onEvent } = deps;

  return async (parameters, caller, proof, remote) => {
    const invalid = (reason: string): ReturnType<typeof refuse> => {
      onEvent({ kind: 'exchange.refused', reason, remote });
      return refuse('invalid_grant', 'the subject_token cannot be exchanged by this caller');
    };
    const subjectToken = parameters.get('subject_token');
    const type = parameters.get('subject_token_type');
    if (subjectToken === undefined || (type !== ACCESS_TOKEN_TYPE && type !== JWT_TYPE))
      return refuse('invalid_request', 'subject_token must be an access token of this server');
    const wanted = parameters.get('requested_token_type') ?? ACCESS_TOKEN_TYPE;
    if (wanted !== ACCESS_TOKEN_TYPE && wanted !== JWT_TYPE)
      return refuse('invalid_request', 'only access tokens are issued');
    const kind = parameters.get('actor_kind') ?? 'subagent';
    if (kind !== 'instance' && kind !== 'subagent')
      return refuse('invalid_request', 'actor_kind is instance or subagent');

    const subject = authenticator.inspect(subjectToken);
    if (typeof subject === 'string') return invalid(`subject: ${subject}`);
    const { token } = subject;
    const leaf = subject.principal.agent;

    const requested = parameters.get('resource');
    const resource = requested === undefined ? token.audience : resources.resolve(requested);
    if (resource === undefined || !resources.accepts(token.audience, resource))
      return refuse('invalid_target', 'the subject_token is not good for this resource');
    const details = readDetailsParameter(parameters);
    if (!details.ok) return details;
    const life = readLife(parameters.get('expires_in'));
    if (!life.ok) return life;

    if (caller.kind === 'agent' && caller.agent.id !== leaf.id) {
      if (token.mayAct !== caller.agent.id) return invalid('subject_not_proven');
      if (parameters.has('actor_token') || kind === 'instance')
        return refuse('invalid_request', 'an agent that takes over makes no child');
      if (proof === undefined || proof.thumbprint === token.jkt)
        return refuse('invalid_dpop_proof', 'prove the key to bind the token to, one of your own');
      const outcome = await delegate.handOver(subject, caller.agent, details.value);
      return finish(outcome, token, resource, proof.thumbprint);
    }
    // The holder is the token's own client; an agent's key does not speak for a client that acts as the agent.
    const holder = caller.kind === 'agent' ? caller.agent.id : caller.client.id;
    if (token.clientId !== holder) return invalid('subject_of_another_client');
    if (caller.kind === 'client' && (token.jkt === undefined || proof?.thumbprint !== token.jkt))
      return invalid('subject_not_proven');

    const key = childKey(parameters, caller, proof, token);
    if (!key.ok) return key;
    const blueprint = parameters.get('blueprint');
    const purpose = parameters.get('purpose');
    const outcome = await delegate.spawn(subject, {
      kind,
      key: key.value,
      resource,
      ...(blueprint === undefined ? {} : { blueprint }),
      ...(purpose === undefined ? {} : { purpose }),
      ...(life.value === undefined ? {} : { lifeMs: life.value }),
      ...(details.value === undefined ? {} : { details: details.value }),
    });
    return finish(outcome, token, resource, key.value.thumbprint);
  };

  function childKey(
    parameters: Parameters,
    caller: Caller,
    proof: PublicKey | undefined,
    token: AccessToken,
  ): Outcome<PublicKey> {
    const actorToken = parameters.get('actor_token');
    if (actorToken === undefined) {
      if (caller.kind === 'client')
        return refuse('invalid_request', 'send the proof of the child key as actor_token');
      return proof === undefined
        ? refuse('invalid_request', 'send the proof of the child key as DPoP or as actor_token')
        : accept(proof);
    }
    if (parameters.get('actor_token_type') !== JWT_TYPE)
      return refuse('invalid_request', 'actor_token_type must be that of a JWT');
    // With an actor_token the DPoP proof is the parent's.
    if (proof !== undefined && proof.thumbprint !== token.jkt)
      return refuse('invalid_dpop_proof', 'the DPoP proof is not by the key of the subject_token');
    const verified = actorTokens.verify(actorToken);
    return verified.ok
      ? accept(verified.key)
      : refuse('invalid_request', 'the actor_token is not valid');
  }

  function finish(
    outcome: Delegated | DelegationRefusal,
    token: AccessToken,
    resource: string,
    jkt: string,
  ): Outcome<ExchangedToken> {
    if (!outcome.ok) return refuse(outcome.code, outcome.problem);
    const { agent, path, rights, txn, sequence } = outcome;
    const { clientId } = rootClientOf(token);
    return accept({
      agent,
      path,
      txn,
      sequence,
      resource,
      jkt,
      ...(rights === undefined ? {} : { rights }),
      ...(token.user === undefined ? {} : { user: token.user }),
      ...(token.grantId === undefined ? {} : { grantId: token.grantId }),
      ...(clientId === undefined ? {} : { rootClient: clientId }),
      notAfter: Math.min(token.expiresAt, agent.expiresAt),
    });
  }
}

function readLife(text: string | undefined): Outcome<number | undefined> {
  if (text === undefined) return accept(undefined);
  return /^[1-9][0-9]{0,5}$/.test(text)
    ? accept(Number(text) * SECOND_MS)
    : refuse('invalid_request', 'expires_in is a number of seconds');
}
