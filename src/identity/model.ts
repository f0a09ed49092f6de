/** Who may call. The identity area owns agents, their keys and tokens. */
import type { AgentToolDetail } from './delegation/details.ts';
import type { Rights } from './delegation/rights.ts';

export type AgentState =
  | 'staged'
  | 'active'
  | 'suspended'
  | 'quarantined'
  | 'under_review'
  | 'retired';

export type RiskTier = 'low' | 'medium' | 'high';

/** What a human states about a kind of agent; see `Blueprints`. */
export interface Blueprint {
  readonly name: string;
  readonly purpose: string;
  /** Bounds every agent of this blueprint and all below it; absent: policy alone does. */
  readonly ceiling?: readonly AgentToolDetail[];
  readonly needs?: readonly AgentToolDetail[];
  readonly maySpawn: readonly string[];
  readonly maxDepth: number;
  readonly maxChildren: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Set while the kill switch is thrown. */
  readonly disabledAt?: number;
  readonly version: number;
}

/** What an instance or sub-agent was given when it was made; never changes. */
export interface AgentDelegation {
  /** Ids from the root to this agent. */
  readonly path: readonly string[];
  /** Absent: everything that the policies of the path allow (instances only). */
  readonly rights?: Rights;
  /** The transaction that all tokens of the chain share. */
  readonly txn: string;
  /** The only endpoint its tokens are for. */
  readonly resource: string;
  /** Place in the issue order: a later mark on anything it hangs on ends it for good. */
  readonly sequence: number;
  readonly user?: string;
  readonly grantId?: string;
  /** The interactive client that the chain began with. */
  readonly clientId?: string;
}

/** A registered agent, or an instance or sub-agent that was made by a token exchange. */
export interface Agent {
  readonly id: string;
  readonly name: string;
  /** Accountable humans, at least one; the first is shown first. */
  readonly owners: readonly string[];
  readonly purpose: string;
  readonly state: AgentState;
  readonly blueprint?: string;
  readonly environment?: string;
  readonly riskTier?: RiskTier;
  readonly groups: readonly string[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When `state` was entered, milliseconds since the epoch; absent means `createdAt`. */
  readonly stateSince?: number;
  /** Last change; absent means `createdAt`. */
  readonly updatedAt?: number;
  /** Rises by one with every change; writers compare before they set. */
  readonly version: number;
  /** Absent: registered by a human. */
  readonly kind?: 'instance' | 'subagent';
  /** Who made it; present with `kind`. It lives no longer than its parent. */
  readonly parent?: string;
  /** Present with `kind`. */
  readonly delegation?: AgentDelegation;
}

/** What bounds a caller besides policy: the chain it stands in and the rights that came down that chain. */
export interface Delegation {
  /** Everything that may be called; absent: only policy bounds it. */
  readonly rights?: Rights;
  /**
   * The registered agents of the path, root first. Policy must allow a call for each of them; an instance or sub-agent has
   * no policies of its own and acts under those of the last one.
   */
  readonly agents: readonly [Agent, ...Agent[]];
  /** Names along the path, root first. */
  readonly names: readonly string[];
  /** The same for all tokens of one chain. */
  readonly txn?: string;
  /** The interactive client that the chain began with, when the caller is another. */
  readonly rootClient?: string;
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
    /** OAuth client that holds the token: the agent's own id, or a registered interactive client. */
    readonly client?: string;
    /** Consent (`tok_…`) that the token comes from, for interactive clients. */
    readonly grant?: string;
    /** RFC 7638 thumbprint of the key the caller proved with DPoP. */
    readonly boundTo?: string;
  };
  readonly scopes: readonly string[];
  /** Present when the token carries `authorization_details` or comes from a delegation. */
  readonly delegation?: Delegation;
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
  authenticate(
    credential: PresentedCredential,
  ): Principal | AuthenticationRefusal | Promise<Principal | AuthenticationRefusal>;
  /** The reason when the principal, an ancestor, owner or credential was revoked after it was issued. Nanoseconds. */
  revoked(principal: Principal): string | undefined;
  /** Called with the agent id when something of that agent was revoked, so that open streams can be cut. */
  onRevoked(listener: (agentId: string) => void): () => void;
}

export type KeyAlgorithm = 'ES256' | 'EdDSA';

/** The public members of a P-256 or Ed25519 key, nothing else. */
export interface PublicJwk {
  readonly kty: 'EC' | 'OKP';
  readonly crv: 'P-256' | 'Ed25519';
  readonly x: string;
  readonly y?: string;
}

/** A key an agent authenticates with at the token endpoint; the private half never reaches the registry. */
export interface AgentKey {
  /** `key_…` */
  readonly id: string;
  readonly agentId: string;
  /** RFC 7638 SHA-256 thumbprint; also the `kid` of assertions. Never belongs to two keys. */
  readonly thumbprint: string;
  readonly algorithm: KeyAlgorithm;
  readonly jwk: PublicJwk;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Set once; the row stays so that the thumbprint is never accepted again. */
  readonly revokedAt?: number;
}

/** A bearer credential for an agent's first minutes; only the hash of the secret is kept. */
export interface BootstrapCredential {
  /** `tok_…` */
  readonly id: string;
  readonly agentId: string;
  /** SHA-256 of the token, base64url. */
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Place in the issue order, see `IssueSequence`. */
  readonly sequence: number;
  readonly revokedAt?: number;
}

/** Everything issued to `id` before `sequence` is dead. */
export interface RevocationMark {
  /** An agent, owner (`owner:` + address), user (`user:` + name), token, grant or client id. */
  readonly id: string;
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly reason: string;
  /** The agent concerned, where `id` is not one itself but belongs to one. */
  readonly agentId?: string;
}

/** A dynamically registered public client (RFC 7591). It can do nothing until a human consents. */
export interface OAuthClient {
  readonly id: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** A human's consent: this client acts as this agent on this resource until `expiresAt`. */
export interface OAuthGrant {
  /** `tok_…` */
  readonly id: string;
  readonly clientId: string;
  readonly agentId: string;
  readonly user: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly sequence: number;
  /** SHA-256 of the part all refresh tokens of this consent share, base64url. */
  readonly familyHash: string;
  /** SHA-256 of the current refresh token, base64url. */
  readonly refreshHash: string;
  /** The one before it, accepted shortly after the rotation so that a lost answer is no log-out. */
  readonly previousHash?: string;
  readonly rotatedAt?: number;
  /** DPoP key the refresh token is bound to. */
  readonly boundTo?: string;
}

/** Who changes something and why; both end up in the audit record. */
export interface Actor {
  readonly user: string;
  readonly channel: 'cli' | 'api' | 'console' | 'system';
  readonly reason: string;
}

/** A change of identity data, for an `admin` record. Digests are SHA-256 of canonical JSON, hex. */
export interface IdentityChange {
  readonly action:
    | 'agent.register'
    | 'agent.update'
    | 'agent.transition'
    | 'agent.spawn'
    | 'agent.delegate'
    | 'blueprint.define'
    | 'blueprint.disable'
    | 'blueprint.enable'
    | 'key.add'
    | 'key.revoke'
    | 'bootstrap.issue'
    | 'bootstrap.revoke'
    | 'client.register'
    | 'client.remove'
    | 'grant.create'
    | 'grant.revoke'
    | 'issuer_key.rotate'
    | 'revoke';
  readonly agentId?: string;
  /** What was changed: the id of the agent, key, credential, client, grant or revoked subject. */
  readonly target: string;
  readonly before?: string;
  readonly after?: string;
  /** Facts a reader wants without looking the digests up, e.g. `{from, to}`. Never secrets. */
  readonly detail?: Readonly<Record<string, string | number>>;
  readonly actor: Actor;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Absent for a change that holds; `not_applied` follows a recorded change that then failed. */
  readonly outcome?: 'not_applied';
}
