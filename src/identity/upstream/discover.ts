import type { Result } from '../../kernel/index.ts';
import type { Failure, OutboundFetch, UpstreamAuth } from './model.ts';
import { findResourceMetadata, type ResourceMetadata } from './resource-metadata.ts';
import { readServerMetadata, type ServerMetadata } from './server-metadata.ts';

/** Whom to ask for tokens for a server, and under what name of the server. */
export interface Discovered {
  readonly resource: ResourceMetadata;
  readonly server: ServerMetadata;
}

/**
 * From a server's URL to its authorization server. The configured issuer must be among those the server names, and is
 * the only one asked: secrets are never sent to a party that the server alone chose. Otherwise one the gateway is
 * known at goes before the first.
 */
export async function discover(
  fetch: OutboundFetch,
  auth: UpstreamAuth,
  resourceMetadata: string | undefined,
  knownIssuers: readonly string[],
): Promise<Result<Discovered, Failure>> {
  const found = await findResourceMetadata(fetch, auth.url, auth.allowPrivate, resourceMetadata);
  if (!found.ok) return found;
  const { issuers } = found.value;
  if (auth.issuer !== undefined && !issuers.includes(auth.issuer))
    return {
      ok: false,
      error: {
        problem: 'the server does not name the expected authorization server',
        code: 'other_issuer',
      },
    };
  const issuer =
    auth.issuer ?? issuers.find((one) => knownIssuers.includes(one)) ?? issuers[0] ?? '';
  const server = await readServerMetadata(fetch, issuer, auth.allowPrivate);
  return server.ok ? { ok: true, value: { resource: found.value, server: server.value } } : server;
}

/** A person's authorization needs a code flow with PKCE S256 (RFC 7636); a server that doesn't say so is not used. */
export function checkCodeFlow(server: ServerMetadata): Failure | undefined {
  if (server.authorization_endpoint === undefined)
    return { problem: 'the authorization server has no authorization endpoint' };
  if (server.code_challenge_methods_supported?.includes('S256') !== true)
    return { problem: 'the authorization server does not say that it supports PKCE with S256' };
  return undefined;
}
