/** The framework-free shape of a request and an answer, and what all OAuth endpoints share. */

export interface OAuthRequest {
  readonly method: string;
  /** Path and query as in the request line, e.g. `/oauth/authorize?client_id=…`. */
  readonly path: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Decoded body; the edge may stop reading at {@link MAX_OAUTH_BODY} bytes. */
  readonly body: string;
  /** Address of the peer, for rate limits. */
  readonly remote: string;
}

export interface OAuthResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Largest request body of any OAuth endpoint. */
export const MAX_OAUTH_BODY = 32 * 1024;
const MAX_PARAMETERS = 64;

/** RFC 6749 section 5.2 and its extensions. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'access_denied'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'invalid_dpop_proof'
  | 'invalid_authorization_details'
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata';

/** A refused OAuth request. `description` is for developers and never holds a secret or input text. */
export interface OAuthRefusal {
  readonly error: OAuthErrorCode;
  readonly description: string;
  readonly status?: number;
}

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: OAuthRefusal };

export const accept = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const refuse = (
  error: OAuthErrorCode,
  description: string,
  status?: number,
): { readonly ok: false; readonly refusal: OAuthRefusal } => ({
  ok: false,
  refusal: { error, description, ...(status === undefined ? {} : { status }) },
});

/** RFC 6749 section 5.1: answers with tokens are never cached. */
export function jsonResponse(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): OAuthResponse {
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    body: JSON.stringify(value),
  };
}

export function refusalResponse(refusal: OAuthRefusal): OAuthResponse {
  const status = refusal.status ?? (refusal.error === 'invalid_client' ? 401 : 400);
  return jsonResponse(
    status,
    { error: refusal.error, error_description: refusal.description },
    // RFC 9110 section 15.5.2 wants a challenge with 401; there is no scheme a browser would pop up for.
    status === 401 ? { 'www-authenticate': 'PrivateKeyJwt realm="oauth"' } : {},
  );
}

/** Origin-form target split at `?`. */
export function splitTarget(target: string): { readonly pathname: string; readonly query: string } {
  const mark = target.indexOf('?');
  return mark < 0
    ? { pathname: target, query: '' }
    : { pathname: target.slice(0, mark), query: target.slice(mark + 1) };
}

/**
 * Parameters of a query or form body. RFC 6749 section 3.1: none may occur twice (one `resource` is
 * all we serve, so it is no exception); an empty value counts as absent.
 */
export function readParameters(text: string): Outcome<ReadonlyMap<string, string>> {
  if (text.length > MAX_OAUTH_BODY)
    return refuse('invalid_request', 'the request is too large', 413);
  const found = new Map<string, string>();
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    if (++count > MAX_PARAMETERS) return refuse('invalid_request', 'there are too many parameters');
    if (value === '') continue;
    if (found.has(name))
      return name === 'resource'
        ? refuse('invalid_target', 'ask for one resource per token')
        : refuse('invalid_request', 'a parameter occurs more than once');
    found.set(name, value);
  }
  return accept(found);
}

/** A form body of a POST; other media types are refused. */
export function readForm(request: OAuthRequest): Outcome<ReadonlyMap<string, string>> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded')
    return refuse('invalid_request', 'send application/x-www-form-urlencoded');
  return readParameters(request.body);
}
