/** The values policy takes and returns. Nothing here does IO. */

export type Effect = 'allow' | 'deny' | 'hold';

/** JSON as policy sees it. Integers beyond 2^53 arrive as bigint, never rounded. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** What an action does to the world: one of MCP's kinds of traffic. */
export type ActionKind =
  | 'tool' // tools/call
  | 'resource' // resources/read, resources/subscribe
  | 'prompt' // prompts/get
  | 'completion' // completion/complete
  | 'list' // tools|resources|prompts|templates list, server/discover
  | 'listen' // subscriptions/listen
  | 'task' // tasks/*
  | 'sampling' // server asks the client's model
  | 'elicitation' // server asks the user
  | 'roots' // server asks for roots
  | 'other'; // any other method of a server

export interface AgentFacts {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly blueprint?: string;
  readonly environment?: string;
  readonly riskTier?: string;
  /** Names of groups the agent is in. */
  readonly groups?: readonly string[];
}

/** One action to decide. */
export interface ActionRequest {
  readonly agent: AgentFacts;
  /** The end user on whose behalf the agent acts. */
  readonly user?: string;
  readonly kind: ActionKind;
  readonly method: string;
  readonly server: string;
  /** The server's own name of the tool or prompt, or the resource URI; the method for `other`. */
  readonly target: string;
  /** Parsed arguments of a tool, prompt or completion. */
  readonly arguments?: { readonly [key: string]: JsonValue };
  readonly session: {
    /** Milliseconds since the epoch. */
    readonly now: number;
    readonly transport: 'http' | 'sse' | 'stdio';
    readonly era: 'legacy' | 'modern';
    readonly sessionId?: string;
    readonly taskId?: string;
    readonly approved?: boolean;
  };
}

export interface Reason {
  /** Stable code: `permitted`, `forbidden`, `no_permit`, `approval_required`, `arguments_invalid`, `policy_error`, … */
  readonly code: string;
  /** One sentence for the agent and the human; no secrets, no argument values. */
  readonly message: string;
  /** `@id` of the policy the reason stems from. */
  readonly policy?: string;
}

export interface Decision {
  readonly effect: Effect;
  readonly reasons: readonly Reason[];
  /** Ids of the determining policies. */
  readonly policies: readonly string[];
  /** Ids of policies whose evaluation erred (they were skipped). */
  readonly errors: readonly string[];
  /** What the caller must also do: `redact`, `log_level`, … from `@obligation`. */
  readonly obligations: readonly string[];
  /** Names the immutable snapshot that decided. */
  readonly policyVersion: string;
  /** In observe mode the effect is allow and this is what enforcing would have said. */
  readonly observed?: Effect;
  /** For `hold`: who may approve and for how long. */
  readonly approval?: { readonly approvers: string; readonly ttlMs: number };
}

/** A tool as its server describes it; input of schema generation. `inputSchema` is hostile JSON. */
export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: unknown;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** The decision point. `decide` is synchronous and never throws: a fault inside is a deny with `policy_error`. */
export interface PolicyDecisionPoint {
  decide(request: ActionRequest): Decision;
  /**
   * May this agent ever use this item, whatever the arguments? Used to filter lists: false only when no
   * arguments could lead to allow or hold.
   */
  mayUse(agent: AgentFacts, server: string, kind: ActionKind, target: string): boolean;
  /** The server's tools changed (or appeared); the schema follows in the background. */
  setTools(server: string, tools: readonly ToolDefinition[]): void;
  /** Version of the live snapshot; changes with policies, schema or entities that matter. */
  version(): string;
  /** Called after every swap of the live snapshot; returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}
