import { z } from 'zod';
import { sha256Base64Url } from '../../kernel/index.ts';
import type { RegisteredClient } from './client-auth.ts';
import type { DpopJwk } from './dpop-proof.ts';
import type { UpstreamAuth } from './model.ts';

const text = z.string().max(32_768);
const CLIENT = z.object({
  issuer: text,
  clientId: text,
  clientSecret: text.optional(),
  secretExpiresAt: z.number().optional(),
  method: z.enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']),
  origin: z.enum(['configured', 'document', 'registered']),
  redirectUri: text,
});
const STORED = z.object({
  version: z.literal(1),
  /** Of the configuration that the rest was obtained under. */
  fingerprint: text,
  clients: z.array(CLIENT).max(8),
  dpopKey: z.object({ kty: text, crv: text, x: text, y: text, d: text }).optional(),
  token: z
    .object({
      issuer: text,
      resource: text,
      resourceMetadata: text.optional(),
      clientId: text,
      type: z.enum(['bearer', 'dpop']),
      accessToken: text,
      refreshToken: text.optional(),
      expiresAt: z.number().optional(),
      scopes: z.array(text).max(100),
    })
    .optional(),
});

/** A token with all that is needed to use and to refresh it. */
export interface HeldToken {
  readonly issuer: string;
  readonly resource: string;
  /** Where the server said its metadata is. */
  readonly resourceMetadata: string | undefined;
  readonly clientId: string;
  readonly type: 'bearer' | 'dpop';
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly expiresAt: number | undefined;
  readonly scopes: readonly string[];
}

export interface StoredConnection {
  readonly clients: readonly RegisteredClient[];
  readonly dpopKey: DpopJwk | undefined;
  readonly token: HeldToken | undefined;
}

/**
 * Changes with everything that decides whom a token is for. A token that was obtained for one URL, issuer or client is
 * never used after the configuration names another.
 */
export function fingerprintOf(auth: UpstreamAuth): string {
  const { url, grant, issuer, clientId, clientMetadataUrl, dpop } = auth;
  return sha256Base64Url(
    JSON.stringify([url, grant, issuer, clientId, clientMetadataUrl, dpop].map((v) => v ?? null)),
  );
}

export function toStored(connection: StoredConnection, fingerprint: string): unknown {
  return { version: 1, fingerprint, ...connection };
}

/** Undefined for anything that was not written under this configuration. */
export function fromStored(value: unknown, fingerprint: string): StoredConnection | undefined {
  const parsed = STORED.safeParse(value);
  if (!parsed.success || parsed.data.fingerprint !== fingerprint) return undefined;
  const { clients, dpopKey, token } = parsed.data;
  return {
    clients: clients.map((client) => ({
      ...client,
      clientSecret: client.clientSecret,
      secretExpiresAt: client.secretExpiresAt,
    })),
    dpopKey,
    token:
      token === undefined
        ? undefined
        : {
            ...token,
            resourceMetadata: token.resourceMetadata,
            refreshToken: token.refreshToken,
            expiresAt: token.expiresAt,
          },
  };
}
