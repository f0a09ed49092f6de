import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import type { GatewayPlace } from './find-gateway.ts';
import { type HttpSend, readBody } from './http-request.ts';
import { ShimError } from './ports.ts';

export interface Tokens {
  /** A token that is good for a while; renewed ahead of its end, one request for all who wait. */
  get(): Promise<string>;
  /** The gateway refused this token: the next `get` makes a new one. */
  refused(token: string): void;
}

const RENEW_BEFORE_MS = 60_000;
const MAX_ANSWER = 64 * 1024;
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Access tokens by client credentials with a signed assertion (RFC 7523 section 2.2, RFC 8707). Signs with node:crypto
 * itself: the identity area would load more than the whole shim. Throws {@link ShimError} when the gateway refuses.
 */
export function createTokens(place: GatewayPlace, send: HttpSend, clock: Clock): Tokens {
  const { kid, alg, ...jwk } = place.key.key;
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new ShimError('the key file holds no usable private key', 4);
  }
  let current: { token: string; renewAt: number; endsAt: number } | undefined;
  let renewing: Promise<string> | undefined;

  const assertion = (): string => {
    const iat = Math.floor(clock.now() / 1000);
    const part = (value: object): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url');
    const head = part({ typ: 'JWT', alg, kid });
    const { clientId } = place.key;
    const jti = randomBytes(16).toString('base64url');
    const claims = { iss: clientId, sub: clientId, aud: place.issuer, jti, iat, exp: iat + 60 };
    const input = `${head}.${part(claims)}`;
    const bytes = Buffer.from(input);
    const signature =
      alg === 'EdDSA'
        ? sign(null, bytes, key)
        : sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  };

  const renew = async (): Promise<string> => {
    const response = await send({
      url: place.tokenEndpoint,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: ASSERTION_TYPE,
        client_assertion: assertion(),
        resource: place.resource,
      }).toString(),
    });
    const text = await readBody(response, MAX_ANSWER);
    let answer: { access_token?: unknown; expires_in?: unknown; error?: unknown } = {};
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch {
      // Told below.
    }
    const { access_token: token, expires_in: life } = answer;
    if (response.statusCode !== 200 || typeof token !== 'string') {
      const why =
        typeof answer.error === 'string'
          ? answer.error.slice(0, 64)
          : `HTTP ${response.statusCode}`;
      throw new ShimError(
        `the gateway gives this agent no token (${why}); it may be suspended, expired, or its key revoked: sallyport agent list`,
        4,
      );
    }
    const lifeMs = (typeof life === 'number' && life > 0 ? life : 60) * 1000;
    const endsAt = clock.now() + lifeMs;
    current = { token, endsAt, renewAt: endsAt - Math.min(RENEW_BEFORE_MS, lifeMs / 2) };
    return token;
  };

  return {
    get() {
      const now = clock.now();
      if (current !== undefined && now < current.renewAt) return Promise.resolve(current.token);
      renewing ??= renew().finally(() => {
        renewing = undefined;
      });
      // What is held is good for another minute: nobody waits for the renewal, and its failure is told later.
      if (current !== undefined && now < current.endsAt - 1000) {
        const { token } = current;
        renewing.catch(() => undefined);
        return Promise.resolve(token);
      }
      return renewing;
    },
    refused(token) {
      if (current?.token === token) current = undefined;
    },
  };
}
