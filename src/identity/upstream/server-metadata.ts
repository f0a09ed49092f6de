import type { AuthorizationServer } from 'oauth4webapi';
import { z } from 'zod';
import type { Result } from '../../kernel/index.ts';
import type { Failure, OutboundFetch } from './model.ts';
import { readDocument } from './read-document.ts';

const text = z.string().min(1).max(2_048);
const list = z.array(z.string().max(256)).max(500);
const DOCUMENT = z.object({
  issuer: text,
  authorization_endpoint: text.optional(),
  token_endpoint: text,
  registration_endpoint: text.optional(),
  scopes_supported: list.optional(),
  grant_types_supported: list.optional(),
  code_challenge_methods_supported: list.optional(),
  token_endpoint_auth_methods_supported: list.optional(),
  token_endpoint_auth_signing_alg_values_supported: list.optional(),
  id_token_signing_alg_values_supported: list.optional(),
  dpop_signing_alg_values_supported: list.optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
  client_id_metadata_document_supported: z.boolean().optional(),
});

/** What an authorization server says of itself; `issuer` is exactly the one that was asked for. */
export type ServerMetadata = AuthorizationServer &
  Pick<z.output<typeof DOCUMENT>, 'token_endpoint' | 'client_id_metadata_document_supported'>;

/**
 * Reads the metadata of an issuer (RFC 8414, OpenID Connect discovery) in the order the MCP specification gives. A
 * document whose `issuer` is not the very same text is discarded (no normalisation), or one server could speak for
 * another; so is one with endpoints that are no http(s) URLs.
 */
export async function readServerMetadata(
  fetch: OutboundFetch,
  issuer: string,
  allowPrivate: boolean,
): Promise<Result<ServerMetadata, Failure>> {
  const url = URL.parse(issuer);
  if (url === null || url.search !== '' || url.hash !== '')
    return { ok: false, error: { problem: 'the name of the authorization server is no URL' } };
  let problem = 'the authorization server publishes no metadata';
  for (const candidate of wellKnownOf(url)) {
    const found = await readDocument(
      fetch,
      candidate,
      allowPrivate,
      "the authorization server's metadata",
      DOCUMENT,
    );
    if (!found.ok) {
      if (!found.error.absent) return found;
      continue;
    }
    const metadata = found.value;
    if (metadata.issuer !== issuer) {
      problem = "the authorization server's metadata is of another issuer";
      continue;
    }
    const endpoints = [
      metadata.token_endpoint,
      metadata.authorization_endpoint,
      metadata.registration_endpoint,
    ];
    if (
      !endpoints.every((endpoint) => endpoint === undefined || isEndpoint(endpoint, allowPrivate))
    )
      return {
        ok: false,
        error: { problem: "an endpoint in the authorization server's metadata is no https URL" },
      };
    return { ok: true, value: withoutUndefined(metadata) };
  }
  return { ok: false, error: { problem } };
}

/** MCP authorization, "authorization server metadata discovery". */
export function wellKnownOf(issuer: URL): readonly string[] {
  const { origin } = issuer;
  const path = issuer.pathname.replace(/\/$/, '');
  const oauth = `${origin}/.well-known/oauth-authorization-server${path}`;
  const inserted = `${origin}/.well-known/openid-configuration${path}`;
  return path === ''
    ? [oauth, inserted]
    : [oauth, inserted, `${origin}${path}/.well-known/openid-configuration`];
}

/** The browser of a person is sent to one of these: nothing but the web. */
function isEndpoint(endpoint: string, allowPrivate: boolean): boolean {
  const url = URL.parse(endpoint);
  if (url === null || url.hash !== '') return false;
  return url.protocol === 'https:' || (allowPrivate && url.protocol === 'http:');
}

function withoutUndefined(value: z.output<typeof DOCUMENT>): ServerMetadata {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as ServerMetadata;
}
