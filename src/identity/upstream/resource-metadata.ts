import { z } from 'zod';
import type { Result } from '../../kernel/index.ts';
import type { Failure, OutboundFetch } from './model.ts';
import { readDocument } from './read-document.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const text = z.string().min(1).max(2_048);
const DOCUMENT = z.looseObject({
  resource: text,
  authorization_servers: z.array(text).min(1).max(16),
  scopes_supported: z.array(z.string().max(256)).max(500).optional(),
});

export interface ResourceMetadata {
  /** Exactly as published: this text goes into `resource` parameters (RFC 8707). */
  readonly resource: string;
  readonly issuers: readonly string[];
  readonly scopes: readonly string[] | undefined;
}

/**
 * Finds the protected resource metadata of a server (RFC 9728): where its challenge says, else at the well-known
 * addresses, with the path and without. Guarantees that `resource` covers the server's URL; a document for anything
 * else is refused, or a server could have tokens issued for another. A server without any document is taken as of
 * 2025-03-26: its own origin is the authorization server.
 */
export async function findResourceMetadata(
  fetch: OutboundFetch,
  serverUrl: string,
  allowPrivate: boolean,
  named: string | undefined,
): Promise<Result<ResourceMetadata, Failure>> {
  const server = new URL(serverUrl);
  const path = server.pathname === '/' ? '' : server.pathname;
  const candidates =
    named === undefined
      ? [
          ...new Set([
            `${server.origin}${WELL_KNOWN}${path}${server.search}`,
            `${server.origin}${WELL_KNOWN}`,
          ]),
        ]
      : [named];
  for (const url of candidates) {
    const found = await readDocument(
      fetch,
      url,
      allowPrivate,
      "the server's resource metadata",
      DOCUMENT,
    );
    if (!found.ok) {
      if (found.error.absent && named === undefined) continue;
      return found;
    }
    const { resource, authorization_servers: issuers, scopes_supported: scopes } = found.value;
    if (!covers(resource, server))
      return {
        ok: false,
        error: { problem: "the server's resource metadata is for another resource" },
      };
    return { ok: true, value: { resource, issuers, scopes } };
  }
  return {
    ok: true,
    value: { resource: serverUrl, issuers: [server.origin], scopes: undefined },
  };
}

/**
 * The identifier is the server's URL or a parent of it by whole path segments on the same origin. Origins are compared
 * as the URL standard writes them, so letter case and default ports don't matter.
 */
export function covers(resource: string, server: URL): boolean {
  const url = URL.parse(resource);
  if (url === null || url.hash !== '' || url.username !== '' || url.password !== '') return false;
  if (url.origin !== server.origin || url.origin === 'null') return false;
  if (url.search !== '') return url.pathname === server.pathname && url.search === server.search;
  const parent = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  return `${server.pathname}/`.startsWith(parent);
}
