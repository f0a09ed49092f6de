import { namesModern } from './revisions.ts';

export interface ClassifyInput {
  readonly httpMethod: 'POST' | 'GET' | 'DELETE';
  /** The JSON-RPC method; undefined for responses and for GET and DELETE. */
  readonly method: string | undefined;
  /** Notifications may leave the envelope out; the version header then names their era. */
  readonly notification: boolean;
  /** `params._meta` holds the protocol-version key. */
  readonly enveloped: boolean;
  /** A session id was presented that this gateway sealed; whether it still lives is a later question. */
  readonly validSession: boolean;
  readonly mcpMethodHeader: string | undefined;
  readonly versionHeader: string | undefined;
}

export type Classified =
  | { readonly kind: 'modern' }
  | { readonly kind: 'legacy'; readonly session: boolean }
  /** Claims to be modern but has no envelope: 400. */
  | { readonly kind: 'malformed'; readonly code: -32020 | -32602; readonly problem: string };

/**
 * Era of one inbound request, in the order of 2026-07-28 compatibility rules: an envelope is modern and makes any
 * session id meaningless; `initialize`, GET, DELETE and a valid session are legacy; modern headers without an envelope
 * are malformed; the rest is legacy without a session (2025-03-26 rules). Says nothing about the client's next request.
 */
export function classify(input: ClassifyInput): Classified {
  if (input.enveloped) return { kind: 'modern' };
  const legacy = input.httpMethod !== 'POST' || input.method === 'initialize' || input.validSession;
  if (legacy) return { kind: 'legacy', session: input.validSession };
  if (namesModern(input.versionHeader)) {
    if (input.notification) return { kind: 'modern' };
    return {
      kind: 'malformed',
      code: -32602,
      problem: 'the request names a modern revision but has no envelope in params._meta',
    };
  }
  if (input.mcpMethodHeader !== undefined) {
    return {
      kind: 'malformed',
      code: -32020,
      problem: 'Mcp-Method without a protocol version in header and body',
    };
  }
  return { kind: 'legacy', session: false };
}
