import { isAppError } from '../../kernel/index.ts';
import type { Clients } from './clients.ts';
import {
  accept,
  jsonResponse,
  MAX_OAUTH_BODY,
  type OAuthRequest,
  type OAuthResponse,
  type Outcome,
  refusalResponse,
  refuse,
} from './http.ts';
import type { RateLimit } from './rate-limit.ts';
import { isRegistrable } from './redirect-uri.ts';

const MAX_REDIRECT_URIS = 10;
const MAX_NAME = 80;
const OUR_GRANT_TYPES = ['authorization_code', 'refresh_token'];

export interface RegisterDeps {
  readonly clients: Clients;
  readonly perRemote: RateLimit;
  readonly overall: RateLimit;
  readonly scopes: readonly string[];
}

/**
 * Dynamic client registration (RFC 7591). Clients come out public (`none`, PKCE) whatever they ask
 * for, as section 2 permits, and can do nothing until a human picks an agent for them. Names are for
 * display only and never evidence.
 */
export function createRegisterHandler(
  deps: RegisterDeps,
): (request: OAuthRequest) => Promise<OAuthResponse> {
  const { clients, perRemote, overall, scopes } = deps;
  return async (request) => {
    if (!perRemote.take(request.remote) || !overall.take(''))
      return jsonResponse(
        429,
        { error: 'temporarily_unavailable', error_description: 'too many registrations' },
        { 'retry-after': '60' },
      );
    const read = readMetadata(request);
    if (!read.ok) return refusalResponse(read.refusal);
    const { name, redirectUris, grantTypes, applicationType } = read.value;
    try {
      const client = await clients.register(
        { name, redirectUris, grantTypes },
        { user: 'client registration', channel: 'system', reason: 'a client registered itself' },
      );
      return jsonResponse(201, {
        client_id: client.id,
        client_id_issued_at: Math.floor(client.createdAt / 1000),
        client_name: client.name,
        redirect_uris: client.redirectUris,
        grant_types: client.grantTypes,
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        application_type: applicationType,
        scope: scopes.join(' '),
      });
    } catch (error) {
      if (isAppError(error) && error.code === 'IDENTITY_LIMIT')
        return refusalResponse({
          error: 'temporarily_unavailable',
          description: 'no more clients can register now',
          status: 503,
        });
      throw error;
    }
  };
}

interface Metadata {
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  readonly applicationType: 'native' | 'web';
}

function readMetadata(request: OAuthRequest): Outcome<Metadata> {
  if (request.body.length > MAX_OAUTH_BODY)
    return refuse('invalid_client_metadata', 'the metadata is too large', 413);
  let parsed: unknown;
  try {
    parsed = JSON.parse(request.body);
  } catch {
    return refuse('invalid_client_metadata', 'send a JSON object');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return refuse('invalid_client_metadata', 'send a JSON object');
  const metadata = parsed as Record<string, unknown>;
  const uris = metadata['redirect_uris'];
  if (!Array.isArray(uris) || uris.length === 0 || uris.length > MAX_REDIRECT_URIS)
    return refuse('invalid_redirect_uri', `1 to ${MAX_REDIRECT_URIS} redirect_uris are needed`);
  if (!uris.every((uri): uri is string => typeof uri === 'string' && isRegistrable(uri)))
    return refuse(
      'invalid_redirect_uri',
      'each must be https, http on loopback, or a private-use scheme, without fragment',
    );
  const wanted: unknown = metadata['grant_types'] ?? ['authorization_code'];
  if (!Array.isArray(wanted) || !wanted.includes('authorization_code'))
    return refuse(
      'invalid_client_metadata',
      'only clients of the authorization_code grant register',
    );
  const rawName = metadata['client_name'];
  return accept({
    name: typeof rawName === 'string' ? displayName(rawName) : 'unnamed client',
    redirectUris: [...new Set(uris)],
    grantTypes: OUR_GRANT_TYPES.filter((type) => wanted.includes(type)),
    applicationType: metadata['application_type'] === 'native' ? 'native' : 'web',
  });
}

/** Letters, digits, marks and plain punctuation; no controls, no bidirectional tricks. */
function displayName(name: string): string {
  const clean = name
    .slice(0, 4 * MAX_NAME)
    .toWellFormed()
    .replace(/[^\p{L}\p{M}\p{N} .,:;_+()/@'-]/gu, '')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, MAX_NAME)
    .toWellFormed();
  return clean === '' ? 'unnamed client' : clean;
}
