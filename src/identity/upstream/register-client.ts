import { z } from 'zod';
import type { Result } from '../../kernel/index.ts';
import type { AuthMethod, RegisteredClient } from './client-auth.ts';
import type { Failure, OutboundFetch, UpstreamAuth } from './model.ts';
import type { ServerMetadata } from './server-metadata.ts';

const ANSWER = z.looseObject({
  client_id: z.string().min(1).max(2_048),
  client_secret: z.string().min(1).max(4_096).optional(),
  client_secret_expires_at: z.number().optional(),
  token_endpoint_auth_method: z.string().max(64).optional(),
});

export interface ClientRequest {
  readonly auth: UpstreamAuth;
  readonly server: ServerMetadata;
  readonly redirectUri: string;
  readonly clientName: string;
  /** Known from an earlier registration at this very issuer. */
  readonly known: RegisteredClient | undefined;
  /** Seconds since the epoch. */
  readonly now: number;
}

/**
 * Who the gateway is at an authorization server, in the order of the MCP specification: configured, then the client id
 * metadata document, then dynamic registration (RFC 7591). A registration is used at its own issuer only, and anew when
 * the redirect URI has changed or the secret has expired.
 */
export async function obtainClient(
  fetch: OutboundFetch,
  request: ClientRequest,
): Promise<Result<RegisteredClient, Failure>> {
  const { auth, server, redirectUri, known } = request;
  const { issuer } = server;
  const base = { issuer, redirectUri, clientSecret: undefined, secretExpiresAt: undefined };
  if (auth.clientId !== undefined) {
    const method = configuredMethod(auth, server.token_endpoint_auth_methods_supported);
    const { clientId, clientSecret } = auth;
    return { ok: true, value: { ...base, clientId, clientSecret, method, origin: 'configured' } };
  }
  if (
    auth.clientMetadataUrl !== undefined &&
    server.client_id_metadata_document_supported === true
  ) {
    const clientId = auth.clientMetadataUrl;
    return { ok: true, value: { ...base, clientId, method: 'none', origin: 'document' } };
  }
  if (
    known?.origin === 'registered' &&
    known.issuer === issuer &&
    known.redirectUri === redirectUri &&
    (known.secretExpiresAt === undefined || known.secretExpiresAt > request.now + 60)
  )
    return { ok: true, value: known };
  if (server.registration_endpoint === undefined)
    return {
      ok: false,
      error: {
        problem:
          'the authorization server takes no registrations; register a client there and set auth.clientId',
      },
    };
  return register(fetch, server.registration_endpoint, request);
}

function configuredMethod(
  auth: UpstreamAuth,
  supported: readonly string[] | undefined,
): AuthMethod {
  if (auth.privateKey !== undefined) return 'private_key_jwt';
  if (auth.clientSecret === undefined) return 'none';
  // RFC 8414 section 2: without the list it is client_secret_basic.
  const basic = supported === undefined || supported.includes('client_secret_basic');
  return basic || !supported.includes('client_secret_post')
    ? 'client_secret_basic'
    : 'client_secret_post';
}

async function register(
  fetch: OutboundFetch,
  endpoint: string,
  { auth, server, redirectUri, clientName }: ClientRequest,
): Promise<Result<RegisteredClient, Failure>> {
  const fail = (problem: string): Result<RegisteredClient, Failure> => ({
    ok: false,
    error: { problem: `the registration at the authorization server: ${problem}` },
  });
  const supported = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const preferred = (['client_secret_basic', 'client_secret_post', 'none'] as const).find(
    (method) => supported.includes(method),
  );
  if (preferred === undefined) return fail('no method of client authentication is common to both');
  let response: Response;
  try {
    response = await fetch(endpoint, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify({
        ...clientMetadata(clientName, redirectUri),
        token_endpoint_auth_method: preferred,
      }),
      allowPrivate: auth.allowPrivate,
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : 'failed');
  }
  // RFC 7591 says 201; servers that say 200 mean the same.
  if (response.status !== 201 && response.status !== 200) return fail(`HTTP ${response.status}`);
  const parsed = ANSWER.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) return fail('its answer is not of the expected form');
  const answer = parsed.data;
  const method = answer.token_endpoint_auth_method ?? preferred;
  if (method !== 'none' && method !== 'client_secret_basic' && method !== 'client_secret_post')
    return fail('it chose a method of client authentication that was not asked for');
  if (method !== 'none' && answer.client_secret === undefined) return fail('it gave no secret');
  const expires = answer.client_secret_expires_at;
  return {
    ok: true,
    value: {
      issuer: server.issuer,
      redirectUri,
      clientId: answer.client_id,
      clientSecret: method === 'none' ? undefined : answer.client_secret,
      secretExpiresAt: expires === undefined || expires <= 0 ? undefined : expires,
      method,
      origin: 'registered',
    },
  };
}

/** Client metadata (RFC 7591 section 2) as it is registered, and as the metadata document says it. */
export function clientMetadata(
  clientName: string,
  redirectUri: string,
): Readonly<Record<string, unknown>> {
  const { hostname } = new URL(redirectUri);
  const local = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  return {
    client_name: clientName,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    application_type: local ? 'native' : 'web',
  };
}
