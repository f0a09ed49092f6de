import {
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  type Client,
  type ClientAuth,
  clientCredentialsGrantRequest,
  customFetch,
  genericTokenEndpointRequest,
  processAuthorizationCodeResponse,
  processClientCredentialsResponse,
  processGenericTokenEndpointResponse,
  processRefreshTokenResponse,
  ResponseBodyError,
  refreshTokenGrantRequest,
  type TokenEndpointResponse,
} from 'oauth4webapi';
import { type Clock, type Result, SECOND_MS } from '../../kernel/index.ts';
import type { DpopSigner } from './dpop-proof.ts';
import type { Failure, OutboundFetch } from './model.ts';
import type { ServerMetadata } from './server-metadata.ts';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export type Grant =
  | {
      readonly kind: 'authorization_code';
      /** Checked by `validateAuthResponse` of oauth4webapi. */
      readonly parameters: URLSearchParams;
      readonly redirectUri: string;
      readonly verifier: string;
    }
  | { readonly kind: 'refresh_token'; readonly refreshToken: string }
  | { readonly kind: 'client_credentials' }
  | { readonly kind: 'jwt_bearer'; readonly assertion: string };

export interface TokenRequest {
  readonly server: ServerMetadata;
  readonly client: Client;
  readonly clientAuth: ClientAuth;
  readonly grant: Grant;
  /** RFC 8707; exactly as the resource's metadata has it. */
  readonly resource: string;
  readonly scopes: readonly string[] | undefined;
  /** Proofs are sent, and the token is bound to their key. */
  readonly dpop: DpopSigner | undefined;
  /** A bearer token is no answer. */
  readonly dpopRequired: boolean;
  readonly allowPrivate: boolean;
}

export interface Tokens {
  readonly accessToken: string;
  readonly type: 'bearer' | 'dpop';
  /** Milliseconds since the epoch; undefined: not told. */
  readonly expiresAt: number | undefined;
  readonly refreshToken: string | undefined;
  /** What the server said it granted; undefined: what was asked for. */
  readonly scopes: readonly string[] | undefined;
}

/** Nonces of authorization servers by origin of the token endpoint. */
export type NonceBook = Map<string, string>;

/**
 * One token request (RFC 6749, 7523, 9449), sent again once when the server wants a DPoP nonce. Never throws: what
 * goes wrong is a `Failure` in our words, with the OAuth error code when it has the form of one.
 */
export async function requestTokens(
  fetch: OutboundFetch,
  request: TokenRequest,
  nonces: NonceBook,
  clock: Clock,
): Promise<Result<Tokens, Failure>> {
  const endpoint = new URL(request.server.token_endpoint);
  const url = endpoint.origin + endpoint.pathname;
  for (let attempt = 0; ; attempt++) {
    let nonce: string | null = null;
    const options = {
      [allowInsecureRequests]: request.allowPrivate,
      [customFetch]: async (
        target: string,
        init: { method: string; headers: Record<string, string>; body?: unknown },
      ): Promise<Response> => {
        const response = await fetch(target, {
          method: 'POST',
          headers: init.headers,
          body: String(init.body),
          allowPrivate: request.allowPrivate,
        });
        nonce = response.headers.get('dpop-nonce');
        return response;
      },
      ...(request.dpop === undefined
        ? {}
        : { headers: { dpop: request.dpop.proof('POST', url, nonces.get(endpoint.origin)) } }),
    };
    try {
      const answer = await run(request, options);
      keep(nonces, endpoint.origin, nonce);
      return read(answer, request, clock);
    } catch (error) {
      keep(nonces, endpoint.origin, nonce);
      const wantsNonce = error instanceof ResponseBodyError && error.error === 'use_dpop_nonce';
      if (wantsNonce && nonce !== null && request.dpop !== undefined && attempt === 0) continue;
      return { ok: false, error: failureOf(error) };
    }
  }
}

type Options = NonNullable<Parameters<typeof refreshTokenGrantRequest>[4]>;

async function run(request: TokenRequest, options: object): Promise<TokenEndpointResponse> {
  const { server, client, clientAuth, grant, resource, scopes } = request;
  const parameters = new URLSearchParams({ resource });
  const scope = scopes?.join(' ');
  const given = options as Options;
  if (grant.kind === 'authorization_code') {
    const answer = await authorizationCodeGrantRequest(
      server,
      client,
      clientAuth,
      grant.parameters,
      grant.redirectUri,
      grant.verifier,
      { ...given, additionalParameters: parameters },
    );
    return processAuthorizationCodeResponse(server, client, answer);
  }
  if (grant.kind === 'refresh_token') {
    const answer = await refreshTokenGrantRequest(server, client, clientAuth, grant.refreshToken, {
      ...given,
      additionalParameters: parameters,
    });
    return processRefreshTokenResponse(server, client, answer);
  }
  if (scope !== undefined) parameters.set('scope', scope);
  if (grant.kind === 'client_credentials') {
    const answer = await clientCredentialsGrantRequest(
      server,
      client,
      clientAuth,
      parameters,
      given,
    );
    return processClientCredentialsResponse(server, client, answer);
  }
  parameters.set('assertion', grant.assertion);
  const answer = await genericTokenEndpointRequest(
    server,
    client,
    clientAuth,
    JWT_BEARER,
    parameters,
    given,
  );
  return processGenericTokenEndpointResponse(server, client, answer);
}

/** RFC 6750 section 2.1: what may stand in `Authorization`. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{1,16384}={0,2}$/;

function read(
  answer: TokenEndpointResponse,
  request: TokenRequest,
  clock: Clock,
): Result<Tokens, Failure> {
  const { access_token: accessToken, token_type: type, expires_in: seconds } = answer;
  if (!TOKEN.test(accessToken))
    return { ok: false, error: { problem: 'the access token has characters that no token has' } };
  if (type === 'dpop' && request.dpop === undefined)
    return { ok: false, error: { problem: 'the token is bound to a key that was not given' } };
  if (type !== 'dpop' && request.dpopRequired)
    return { ok: false, error: { problem: 'the token is not bound to the key of the gateway' } };
  return {
    ok: true,
    value: {
      accessToken,
      type: type === 'dpop' ? 'dpop' : 'bearer',
      expiresAt: seconds === undefined ? undefined : clock.now() + Number(seconds) * SECOND_MS,
      refreshToken: answer.refresh_token,
      scopes: answer.scope?.split(' ').filter((scope) => scope !== ''),
    },
  };
}

function keep(nonces: NonceBook, origin: string, nonce: string | null): void {
  if (nonce !== null && /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/.test(nonce)) nonces.set(origin, nonce);
}

/** Descriptions are the server's words and stay out. */
function failureOf(error: unknown): Failure {
  if (error instanceof ResponseBodyError) {
    const code = /^[a-z_]{1,64}$/.test(error.error) ? error.error : 'an unknown error';
    return { problem: `the authorization server refused the token request (${code})`, code };
  }
  // Ours, from the transport: in our words. Messages of the library may quote what came.
  if (error instanceof Error && error.name === 'FetchRefused')
    return { problem: `the token endpoint: ${error.message}` };
  return { problem: 'the token endpoint did not answer as the standard says' };
}
