import { createPrivateKey } from 'node:crypto';
import { type Clock, type Random, SECOND_MS } from '../../kernel/index.ts';
import type { KeyAlgorithm, PublicJwk } from '../model.ts';
import { signJws } from '../tokens/jws.ts';

/** Content of the file an agent keeps (mode 0600): all it needs to get tokens by itself. */
export interface AgentKeyFile {
  /** `client_id` at the token endpoint: the agent's id. */
  readonly clientId: string;
  readonly name: string;
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** The default endpoint; a client of another endpoint sends that one's URL as `resource`. */
  readonly resource: string;
  /** Private JWK with `kid` and `alg`. */
  readonly key: PublicJwk & {
    readonly d: string;
    readonly kid: string;
    readonly alg: KeyAlgorithm;
  };
}

/**
 * Makes RFC 7523 client assertions from a key file, each usable once for 60 seconds. Send as
 * `client_assertion` with `client_assertion_type` =
 * `urn:ietf:params:oauth:client-assertion-type:jwt-bearer` and `grant_type=client_credentials`.
 */
export function createAssertionSigner(
  file: AgentKeyFile,
  deps: { readonly clock: Clock; readonly random: Random },
): () => string {
  const { kid, alg, ...jwk } = file.key;
  const key = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
  return () => {
    const iat = Math.floor(deps.clock.now() / SECOND_MS);
    return signJws(
      { typ: 'JWT', kid },
      {
        iss: file.clientId,
        sub: file.clientId,
        aud: file.issuer,
        jti: Buffer.from(deps.random.bytes(16)).toString('base64url'),
        iat,
        exp: iat + 60,
      },
      key,
      alg,
    );
  };
}
