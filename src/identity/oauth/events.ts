/** What happened at the authorization server, for `session` records. Holds no secret and no token. */
export type OAuthEvent =
  | {
      readonly kind: 'token.issued';
      readonly agentId: string;
      readonly clientId: string;
      /** `jti` of the access token. */
      readonly token: string;
      readonly resource: string;
      readonly user?: string;
      /** Ids of the chain, root first, and its transaction; for tokens that came by delegation. */
      readonly path?: readonly string[];
      readonly txn?: string;
      readonly remote: string;
    }
  | { readonly kind: 'token.refused'; readonly reason: string; readonly remote: string }
  /** An assertion was refused, with the precise reason the client is not told. */
  | { readonly kind: 'client.refused'; readonly reason: string; readonly remote: string }
  /** An exchange was refused because of its subject token, with the reason the client is not told. */
  | { readonly kind: 'exchange.refused'; readonly reason: string; readonly remote: string }
  | { readonly kind: 'login.refused'; readonly reason: string; readonly remote: string }
  | {
      readonly kind: 'consent.given' | 'consent.denied';
      readonly user: string;
      readonly clientId: string;
      readonly agentId?: string;
      readonly remote: string;
    };
