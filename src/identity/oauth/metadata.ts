import { DETAIL_TYPE } from '../delegation/details.ts';
import type { ResourceDirectory } from '../resources.ts';
import { DPOP_ALGORITHMS } from '../tokens/dpop.ts';
import { TOKEN_EXCHANGE } from './token-exchange.ts';
import { JWT_BEARER } from './workload-assertion.ts';

export interface EndpointUrls {
  readonly authorize: string;
  readonly token: string;
  readonly jwks: string;
  readonly register: string;
  readonly revoke: string;
}

/** Where the endpoints live below the issuer. */
export function endpointUrls(issuer: string): EndpointUrls {
  return {
    authorize: `${issuer}/oauth/authorize`,
    token: `${issuer}/oauth/token`,
    jwks: `${issuer}/oauth/jwks`,
    register: `${issuer}/oauth/register`,
    revoke: `${issuer}/oauth/revoke`,
  };
}

/**
 * Authorization server metadata (RFC 8414 section 2, RFC 9207 section 3, RFC 9449 section 5.1). The
 * variant for the OpenID location adds the two members its readers insist on; no ID token is issued.
 */
export function serverMetadata(
  issuer: string,
  scopes: readonly string[],
  resources: readonly string[],
  forOpenId: boolean,
): Readonly<Record<string, unknown>> {
  const urls = endpointUrls(issuer);
  return {
    issuer,
    authorization_endpoint: urls.authorize,
    token_endpoint: urls.token,
    jwks_uri: urls.jwks,
    registration_endpoint: urls.register,
    revocation_endpoint: urls.revoke,
    scopes_supported: scopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      TOKEN_EXCHANGE,
      JWT_BEARER,
    ],
    authorization_details_types_supported: [DETAIL_TYPE],
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: DPOP_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    revocation_endpoint_auth_signing_alg_values_supported: DPOP_ALGORITHMS,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    protected_resources: resources,
    ...(forOpenId
      ? { subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['ES256'] }
      : {}),
  };
}

/** Protected resource metadata (RFC 9728 section 2). */
export function resourceMetadata(
  resource: string,
  issuer: string,
  scopes: readonly string[],
): Readonly<Record<string, unknown>> {
  return {
    resource,
    resource_name: 'Sallyport',
    authorization_servers: [issuer],
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    dpop_bound_access_tokens_required: false,
  };
}

export interface WellKnown {
  /** The document at a path; undefined when the path is none of ours. */
  find(pathname: string): Readonly<Record<string, unknown>> | undefined;
}

/**
 * The discovery documents at every path that clients try: the RFC 8414 and OpenID locations for the
 * issuer with and without path insertion, the same suffixed with an endpoint's path (clients of
 * 2025-03-26 take the endpoint's URL for the issuer), and RFC 9728 per endpoint and at the root.
 */
export function createWellKnown(
  resources: ResourceDirectory,
  scopes: readonly string[],
): WellKnown {
  const { issuer } = resources;
  const issuerPath = new URL(issuer).pathname.replace(/\/$/, '');
  const oauth = '/.well-known/oauth-authorization-server';
  const openId = '/.well-known/openid-configuration';
  const protectedResource = '/.well-known/oauth-protected-resource';

  return {
    find(pathname) {
      const path = pathname.length > 1 && pathname.endsWith('/') ? pathname.slice(0, -1) : pathname;
      const list = resources.list();
      const known = (suffix: string): string | undefined =>
        suffix === '' || suffix === issuerPath
          ? resources.defaultResource
          : list.find((resource) => new URL(resource).pathname === suffix);

      if (path.startsWith(protectedResource)) {
        const resource = known(path.slice(protectedResource.length));
        return resource === undefined ? undefined : resourceMetadata(resource, issuer, scopes);
      }
      for (const [prefix, forOpenId] of [
        [oauth, false],
        [openId, true],
      ] as const) {
        const suffix = path.startsWith(prefix)
          ? path.slice(prefix.length)
          : path.endsWith(prefix)
            ? path.slice(0, -prefix.length)
            : undefined;
        if (suffix !== undefined && known(suffix) !== undefined)
          return serverMetadata(issuer, scopes, list, forOpenId);
      }
      return undefined;
    },
  };
}
