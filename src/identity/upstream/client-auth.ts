import { type ClientAuth, ClientSecretPost, None } from 'oauth4webapi';
import { type Clock, type Random, SECOND_MS } from '../../kernel/index.ts';
import { readSigningKey, type SigningKey, signJwt } from './signing-key.ts';

export type AuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

/** Who the gateway is at one authorization server. */
export interface RegisteredClient {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** Seconds since the epoch; undefined: never. */
  readonly secretExpiresAt: number | undefined;
  readonly method: AuthMethod;
  readonly origin: 'configured' | 'document' | 'registered';
  /** Where the authorization server was told to send the browser. */
  readonly redirectUri: string;
}

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const ASSERTION_SECONDS = 60;

/** How a client proves itself at the token endpoint (RFC 6749 section 2.3, RFC 7523 section 2.2). */
export function clientAuthOf(
  client: RegisteredClient,
  privateKey: string | undefined,
  keyId: string | undefined,
  deps: { readonly clock: Clock; readonly random: Random },
): ClientAuth {
  const { method, clientSecret = '' } = client;
  if (method === 'client_secret_basic') return basic(clientSecret);
  if (method === 'client_secret_post') return ClientSecretPost(clientSecret);
  const key =
    method === 'private_key_jwt' && privateKey !== undefined
      ? readSigningKey(privateKey)
      : undefined;
  return key === undefined ? None() : privateKeyJwt(key, keyId, deps);
}

/**
 * RFC 6749 section 2.3.1. Encoded as forms are by the URL standard: encoding more than that (`-` as `%2D`) is legal, but
 * servers that compare without decoding would refuse most client ids.
 */
function basic(clientSecret: string): ClientAuth {
  const encode = (text: string): string =>
    new URLSearchParams([[text, '']]).toString().slice(0, -1);
  return (_server, client, _body, headers) => {
    const pair = `${encode(client.client_id)}:${encode(clientSecret)}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  };
}

function privateKeyJwt(
  key: SigningKey,
  keyId: string | undefined,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): ClientAuth {
  return (server, client, body) => {
    const iat = Math.floor(clock.now() / SECOND_MS);
    body.set('client_id', client.client_id);
    body.set('client_assertion_type', ASSERTION_TYPE);
    body.set(
      'client_assertion',
      signJwt(
        { typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) },
        {
          iss: client.client_id,
          sub: client.client_id,
          // The issuer and nothing else: an assertion for one server is of no use at another.
          aud: server.issuer,
          jti: Buffer.from(random.bytes(16)).toString('base64url'),
          iat,
          exp: iat + ASSERTION_SECONDS,
        },
        key,
      ),
    );
  };
}
