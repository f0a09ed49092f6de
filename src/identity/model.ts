/** Who may call. The identity area owns agents, their keys and tokens. */

export type AgentState = 'staged' | 'active' | 'suspended' | 'quarantined' | 'under_review' | 'retired';

/** A registered agent. */
export interface Agent {
  readonly id: string;
  readonly name: string;
  /** Accountable humans, at least one; the first is shown first. */
  readonly owners: readonly string[];
  readonly purpose: string;
  readonly state: AgentState;
  readonly blueprint?: string;
  readonly environment?: string;
  readonly riskTier?: 'low' | 'medium' | 'high';
  readonly groups: readonly string[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Rises by one with every change; writers compare before they set. */
  readonly version: number;
}

/** The authenticated caller of one request. Immutable and shared between the requests of one token. */
export interface Principal {
  readonly agent: Agent;
  /** The end user on whose behalf the agent acts. */
  readonly user?: string;
  /** Ids from the root to the actor; each is checked for revocation on every call. */
  readonly path: readonly string[];
  readonly credential: {
    readonly kind: 'access_token' | 'bootstrap';
    /** `jti` of the token or id of the bootstrap credential. */
    readonly id: string;
    /** Milliseconds since the epoch. */
    readonly issuedAt: number;
    readonly expiresAt: number;
  };
  readonly scopes: readonly string[];
}

/** What a request presents. `resource` is the canonical URL of the endpoint it was sent to. */
export interface PresentedCredential {
  readonly authorization: string | undefined;
  readonly dpop?: string;
  readonly method: string;
  readonly resource: string;
}

/** Why a caller was refused; rendered as 401 with `WWW-Authenticate` (RFC 6750, RFC 9728). */
export interface AuthenticationRefusal {
  readonly refused: true;
  /** RFC 6750 error code; undefined when nothing was presented. */
  readonly error?: 'invalid_token' | 'invalid_request' | 'insufficient_scope';
  /** For the log and the record: `missing`, `expired`, `bad_signature`, `wrong_audience`, `unknown_agent`, `revoked`, … */
  readonly reason: string;
}

export interface Authenticator {
  /** Cached tokens answer synchronously; only a first sight verifies a signature. Never throws for bad input. */
  authenticate(credential: PresentedCredential): Principal | AuthenticationRefusal | Promise<Principal | AuthenticationRefusal>;
  /** The reason when the principal, an ancestor, owner or credential was revoked after it was issued. Nanoseconds. */
  revoked(principal: Principal): string | undefined;
  /** Called with the agent id when something of that agent was revoked, so that open streams can be cut. */
  onRevoked(listener: (agentId: string) => void): () => void;
}
