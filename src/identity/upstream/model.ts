/** The shared words of the gateway as OAuth client towards MCP servers. */

/** How one server is authorized at. Secrets are resolved; they are never logged. */
export interface UpstreamAuth {
  /** The server's endpoint, which tokens are for. */
  readonly url: string;
  /** Loopback and private addresses are permitted, for the server and for what speaks for it. */
  readonly allowPrivate: boolean;
  /**
   * `authorization_code`: a person authorizes once. `client_credentials`: the gateway as itself. `jwt_bearer`: with an
   * assertion of its workload (RFC 7523 section 2.1).
   */
  readonly grant: 'authorization_code' | 'client_credentials' | 'jwt_bearer';
  /** The one authorization server that may get the secrets below; required when there are any. */
  readonly issuer: string | undefined;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  /** PKCS #8 PEM; the client authenticates with `private_key_jwt`. */
  readonly privateKey: string | undefined;
  readonly keyId: string | undefined;
  /** URL that serves as client id at servers that read client id metadata documents. */
  readonly clientMetadataUrl: string | undefined;
  /** Read anew for every token request, because workload tokens are short-lived. `from` says where, without the secret. */
  readonly assertion: { readonly from: string; read(): Promise<string> } | undefined;
  /** Exchanged for the assertion first (RFC 8693, identity assertion of an enterprise's provider). */
  readonly exchange: AssertionExchange | undefined;
  /** Asked for in place of what the server's metadata names. */
  readonly scopes: readonly string[] | undefined;
  readonly dpop: 'auto' | 'off' | 'required';
}

/** Where an identity token becomes an assertion for another authorization server (ID-JAG). */
export interface AssertionExchange {
  readonly tokenEndpoint: string;
  readonly clientId: string;
}

/** HTTP to addresses that others name; guards addresses, size and time, follows no redirects. Throws in plain words. */
export type OutboundFetch = (
  url: string,
  request: {
    readonly method: 'GET' | 'POST';
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly allowPrivate: boolean;
  },
) => Promise<Response>;

export type Verb = 'POST' | 'GET' | 'DELETE';

export interface AddedHeaders {
  readonly headers: readonly string[];
  readonly stamp: number;
}

/** `problem` is in our words; nothing a server sent is in it. */
export interface CredentialRefusal {
  readonly refused: 'login' | 'failed';
  readonly problem: string;
}

export interface Challenge {
  readonly server: string;
  readonly status: number;
  readonly wwwAuthenticate: string | undefined;
  readonly dpopNonce: string | undefined;
  readonly stamp: number | undefined;
}

/** Keeps what must survive a restart, encrypted. */
export interface ConnectionStore {
  read(server: string): Promise<unknown>;
  write(server: string, value: unknown): Promise<void>;
  remove(server: string): Promise<void>;
}

/** What happened, for the audit; holds no secrets. */
export interface UpstreamAuthEvent {
  readonly kind:
    | 'upstream_login_started'
    | 'upstream_login_done'
    | 'upstream_login_failed'
    | 'upstream_token_obtained'
    | 'upstream_token_refused'
    | 'upstream_authorization_lost';
  readonly server: string;
  readonly issuer?: string;
  readonly scopes?: readonly string[];
  readonly problem?: string;
}

/** An expected failure of a step, as a value. `code` is the OAuth error code, when there was one of the known form. */
export interface Failure {
  readonly problem: string;
  readonly code?: string;
}
