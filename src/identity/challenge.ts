import type { AuthenticationRefusal } from './model.ts';

export interface ChallengeFacts {
  /** URL of the RFC 9728 document of the endpoint that was asked. */
  readonly resourceMetadata: string;
  /** Scopes the operation needs, all at once; never `offline_access`. */
  readonly scopes: readonly string[];
}

/** Descriptions a client developer can act on; the precise reason stays in the record. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  expired: 'the token has expired',
  wrong_audience: 'the token is for another resource',
  revoked: 'the token was revoked',
  bound_token_as_bearer: 'this token needs the DPoP scheme and a proof',
  dpop_missing: 'this token needs a DPoP proof',
};

/**
 * Status and `WWW-Authenticate` for a refused caller: RFC 6750 section 3 with `resource_metadata`
 * (RFC 9728 section 5.1) and `scope`. A request without a credential gets no error code; a scope
 * refusal is 403 and its `scope` lists everything the operation needs. DPoP refusals add a DPoP
 * challenge (RFC 9449 section 7.1).
 */
export function challengeFor(
  refusal: AuthenticationRefusal,
  facts: ChallengeFacts,
): { readonly status: 400 | 401 | 403; readonly headers: Readonly<Record<string, string>> } {
  const parameters: [string, string][] = [];
  if (refusal.error !== undefined) {
    parameters.push(['error', refusal.error]);
    const description = refusal.reason.startsWith('dpop_')
      ? (DESCRIPTIONS[refusal.reason] ?? 'the DPoP proof is not valid')
      : (DESCRIPTIONS[refusal.reason] ?? 'the token is not valid here');
    if (refusal.error === 'invalid_token') parameters.push(['error_description', description]);
  }
  parameters.push(['resource_metadata', facts.resourceMetadata]);
  if (facts.scopes.length > 0) parameters.push(['scope', facts.scopes.join(' ')]);
  const text = parameters.map(([name, value]) => `${name}="${quotable(value)}"`).join(', ');
  const aboutDpop =
    refusal.reason.startsWith('dpop_') || refusal.reason === 'bound_token_as_bearer';
  const challenge = aboutDpop
    ? `Bearer ${text}, DPoP error="invalid_dpop_proof", algs="ES256 EdDSA"`
    : `Bearer ${text}`;
  return {
    status:
      refusal.error === 'insufficient_scope'
        ? 403
        : refusal.error === 'invalid_request'
          ? 400
          : 401,
    headers: { 'www-authenticate': challenge },
  };
}

/** A quoted-string holds printable ASCII here; anything else could split the header. */
function quotable(value: string): string {
  return value.replace(/[^\x20-\x7e]|["\\]/g, '');
}
