/** The shared words of the gateway: what an inbound request, an upstream and an answer are. */
import type { AuthenticationRefusal, PresentedCredential, Principal } from '../identity/index.ts';

/**
 * JSON text that passed the strict scan (no duplicate keys, no lone surrogates, bounded depth and size).
 * It is spliced, never re-serialised: whatever the gateway did not change leaves byte for byte as it came.
 */
export type RawJson = string & { readonly __rawJson: true };

export type Era = 'legacy' | 'modern';
export type Revision = '2024-11-05' | '2025-03-26' | '2025-06-18' | '2025-11-25' | '2026-07-28';
export type LogLevel =
  | 'debug'
  | 'info'
  | 'notice'
  | 'warning'
  | 'error'
  | 'critical'
  | 'alert'
  | 'emergency';

/** What the client said of itself; display and negotiation only, never an input of policy. */
export interface ClientFacts {
  readonly era: Era;
  readonly revision: Revision;
  /** As declared in `initialize` or in this request's envelope: a JSON object. */
  readonly capabilities: RawJson;
  /** Short digest of `capabilities`: part of the key under which upstream sessions are pooled. */
  readonly capabilitiesDigest: string;
  readonly info: RawJson | undefined;
  readonly logLevel: LogLevel | undefined;
}

/** `all` is the endpoint that merges every server; otherwise one server's own endpoint with untouched names. */
export type Endpoint =
  | { readonly kind: 'all' }
  | { readonly kind: 'server'; readonly server: string };

/** A legacy client's session. The id is sealed: any replica holding the key can open it. */
export interface Session {
  readonly id: string;
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly endpoint: Endpoint;
  /** Set by `logging/setLevel`. */
  logLevel: LogLevel | undefined;
}

export type PeerAnswer = { readonly result: RawJson } | { readonly error: RawJson };

/** The way back to the client while one of its requests is open. Made by the edge, used by the core. */
export interface Downstream {
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly endpoint: Endpoint;
  readonly transport: 'http' | 'sse' | 'stdio';
  readonly session: Session | undefined;
  /** Aborts when the client cancels or (modern) closes the stream, or when the principal is revoked. */
  readonly signal: AbortSignal;
  /** Sends a notification on this request's own stream. Dropped silently when the client takes no stream. */
  notify(method: string, params: RawJson | undefined): void;
  /**
   * Legacy clients with a session and a stream can be asked (sampling, elicitation, roots). The edge mints the
   * id and waits for the client's response. Undefined where asking is impossible.
   */
  readonly ask:
    | ((method: string, params: RawJson | undefined, signal: AbortSignal) => Promise<PeerAnswer>)
    | undefined;
}

/** One inbound JSON-RPC request after the edge has scanned, classified and admitted it. */
export interface InboundRequest {
  readonly id: RawJson;
  readonly method: string;
  /** Without the modern envelope keys; everything else, `_meta` included, as it came. */
  readonly params: RawJson | undefined;
  /**
   * All `Mcp-Param-*` headers, decoded, by lower-case name. The core checks those a tool schema recognises against
   * the arguments (-32020 on a difference) and forwards the rest; policy never reads them.
   */
  readonly paramHeaders: Readonly<Record<string, string>>;
  /** W3C trace context of the client: `_meta` wins over headers. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly downstream: Downstream;
}

/** What the edge writes back. `result` is already in the client's era and revision. */
export type Reply =
  | { readonly kind: 'result'; readonly result: RawJson }
  /** `status` is the HTTP status for a modern client; legacy clients get 200 with the error in the body. */
  | {
      readonly kind: 'error';
      readonly status: number;
      readonly code: number;
      readonly message: string;
      readonly data?: RawJson;
    };

/** What an upstream says of itself. */
export interface UpstreamInfo {
  readonly era: Era;
  readonly revision: Revision;
  readonly capabilities: RawJson;
  readonly serverInfo: RawJson;
  readonly instructions: string | undefined;
}

/** One request to an upstream, in the words of the *client*; the connection adds what its own era needs. */
export interface UpstreamRequest {
  readonly method: string;
  /** Names are already the server's own. `_meta` carries progressToken, trace and vendor keys. */
  readonly params: RawJson | undefined;
  /** Declared to a modern upstream in the envelope (capabilities, clientInfo, logLevel). */
  readonly client: ClientFacts;
  readonly extraHeaders: Readonly<Record<string, string>>;
  /** `Mcp-Param-*` headers rebuilt from the evaluated arguments (modern upstreams). */
  readonly paramHeaders: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Idle limit: resets on progress. An absolute cap always holds. Milliseconds. */
  readonly timeoutMs: number;
  /** Progress and log messages that belong to this request. */
  onNotification(method: string, params: RawJson | undefined): void;
  /** A legacy upstream asks the client in the middle of the call. */
  onRequest(method: string, params: RawJson | undefined, signal: AbortSignal): Promise<PeerAnswer>;
}

/** The upstream's own words, in its own era. Faults (lost, time-out, protocol) are thrown as `GW_UPSTREAM_*`. */
export type UpstreamAnswer =
  | { readonly kind: 'result'; readonly result: RawJson }
  | { readonly kind: 'error'; readonly error: RawJson };

/** An open `subscriptions/listen` (modern) or what stands for it on a legacy upstream. */
export interface UpstreamListener {
  /** The subset of the filter the upstream honours, as the acknowledgement gave it. */
  readonly acknowledged: RawJson;
  close(): void;
}

/** One living connection (or session) to an upstream, bound to one key of the pool. */
export interface UpstreamConnection {
  readonly server: string;
  readonly info: UpstreamInfo;
  request(request: UpstreamRequest): Promise<UpstreamAnswer>;
  /** Fire and forget, e.g. `notifications/roots/list_changed` to a legacy upstream. */
  notify(method: string, params: RawJson | undefined): void;
  /**
   * Notifications outside any request: `*​/list_changed`, `resources/updated`, log messages. For a modern upstream
   * these come from the listen stream that `listen` opened.
   */
  onNotification(listener: (method: string, params: RawJson | undefined) => void): () => void;
  /** Modern: opens a listen stream. Legacy: opens the GET stream (HTTP) and subscribes each URI. */
  listen(filter: RawJson, client: ClientFacts, signal: AbortSignal): Promise<UpstreamListener>;
  /** Runs once, when the connection is gone for good. */
  onClose(listener: (reason: string) => void): () => void;
}

/** Connections are pooled by who calls and what the client can do, never shared between principals. */
export interface UpstreamKey {
  readonly server: string;
  readonly agentId: string;
  readonly user: string | undefined;
  readonly client: ClientFacts;
  /** A legacy client's session gets its own upstream session. */
  readonly sessionId: string | undefined;
}

export interface UpstreamPool {
  /** Names of the configured and enabled servers, in a stable order. */
  servers(): readonly string[];
  /** Connects, probes the era once and caches it; throws `GW_UPSTREAM_UNAVAILABLE`. */
  acquire(key: UpstreamKey, signal: AbortSignal): UpstreamConnection | Promise<UpstreamConnection>;
  /** Ends the upstream sessions that belonged to a legacy client's session. */
  releaseSession(sessionId: string): void;
  /** A server was added, removed, crashed, came back or changed a list. */
  onChange(
    listener: (
      server: string,
      what: 'config' | 'down' | 'up' | 'tools' | 'prompts' | 'resources',
    ) => void,
  ): () => void;
  /** One line per server for `sallyport server list` and the console. */
  status(): readonly UpstreamStatus[];
  close(): Promise<void>;
}

export interface UpstreamStatus {
  readonly server: string;
  readonly transport: 'stdio' | 'http';
  readonly state: 'idle' | 'connecting' | 'ready' | 'backing_off' | 'failed' | 'disabled';
  readonly era: Era | undefined;
  readonly revision: Revision | undefined;
  readonly connections: number;
  readonly restarts: number;
  readonly lastError: string | undefined;
}

/** How a server is reached; the parsed `servers.<name>` section of `sallyport.yaml`. */
export type ServerConfig =
  | {
      readonly transport: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string | undefined;
      /** One process for everybody instead of one per principal; only for servers that hold no caller's state. */
      readonly shared: boolean;
      readonly timeoutMs: number;
      readonly enabled: boolean;
      /** Own tool name -> the name clients of the `all` endpoint see instead of `server__tool`. */
      readonly aliases?: Readonly<Record<string, string>>;
    }
  | {
      readonly transport: 'http';
      readonly url: string;
      /** Resolved secrets; never logged. */
      readonly headers: Readonly<Record<string, string>>;
      readonly timeoutMs: number;
      readonly enabled: boolean;
      /** Private and link-local addresses are refused unless set; loopback is allowed only when set. */
      readonly allowPrivate: boolean;
      readonly aliases?: Readonly<Record<string, string>>;
    };

/** Out-of-request messages for a legacy session: its GET stream (or HTTP+SSE stream, or the stdio shim). */
export type Push = (method: string, params: RawJson | undefined) => void;

/** What the edge calls. Everything behind it is independent of HTTP. */
export interface GatewayCore {
  /** Runs the ADMISSION list of the pipeline. Called for every HTTP request, whatever its method. */
  admit(
    credential: PresentedCredential,
  ): Principal | AuthenticationRefusal | Promise<Principal | AuthenticationRefusal>;
  /** Answers `initialize` from our own state; `client.revision` is the revision to answer with. */
  initialize(facts: {
    readonly principal: Principal;
    readonly client: ClientFacts;
    readonly endpoint: Endpoint;
    readonly signal: AbortSignal;
  }): Promise<Reply>;
  /**
   * Answers any other request. Actions run the ACTION list of the pipeline. `subscriptions/listen` resolves when the
   * subscription ends; its acknowledgement and notifications go through `downstream.notify`.
   */
  handle(request: InboundRequest): Promise<Reply>;
  /** A notification from the client (`cancelled` and `initialized` are the edge's own). */
  notification(session: Session, method: string, params: RawJson | undefined): void;
  /** The session has a stream for out-of-request messages now; returns the detach function. */
  attach(session: Session, push: Push): () => void;
  /** DELETE, expiry or revocation: ends upstream sessions and subscriptions. */
  endSession(session: Session): void;
}

/** What a forwarded request was decided on. */
export interface ForwardTarget {
  readonly server: string;
  /** `cal_…`, for records and traces. */
  readonly call: string;
  /** SHA-256 (hex) of the canonical arguments; binds sealed state to exactly these arguments. */
  readonly argumentsDigest: string;
  /** Params with the server's own names, ready to forward. */
  readonly params: RawJson | undefined;
  readonly paramHeaders: Readonly<Record<string, string>>;
  readonly extraHeaders: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /**
   * Decides and records what a server asks of the client (sampling, elicitation, roots). False: refused, and the
   * broker answers the server with an error.
   */
  permitAsk(method: string, params: RawJson | undefined): Promise<boolean>;
  /** Maps a server's own tool, prompt, resource or task names in results back to what this client sees. */
  readonly endpoint: Endpoint;
}

/** Carries one decided request across eras: all four pairings. */
export interface Broker {
  exchange(
    connection: UpstreamConnection,
    request: InboundRequest,
    target: ForwardTarget,
  ): Promise<Reply>;
}

export type ItemKind = 'tools' | 'prompts' | 'resources' | 'resourceTemplates';

/** One entry of a server's list, as the upstream sent it. */
export interface CatalogueItem {
  readonly kind: ItemKind;
  readonly server: string;
  /** The server's own name; the URI for resources, the template for resource templates. */
  readonly name: string;
  /** What clients of the `all` endpoint see: `server__tool` or an alias. Equals `name` on a server's own endpoint. */
  readonly exposedName: string;
  readonly raw: RawJson;
}
