import type { AuditReceipt, AuditRecord, AuditWriter } from '../../audit/index.ts';
import type { CallBudgets, Principal } from '../../identity/index.ts';
import { type Clock, type IdSource, sha256Hex } from '../../kernel/index.ts';
import type { ActionKind, Decision, JsonValue, PolicyDecisionPoint } from '../../policy/index.ts';
import type {
  Broker,
  CatalogueItem,
  InboundRequest,
  RawJson,
  Reply,
  UpstreamConnection,
} from '../model.ts';

/** Where an action goes; found by `resolve-target`. */
export interface Target {
  readonly kind: ActionKind;
  readonly server: string;
  /** The server's own name of the tool or prompt, the resource's URI, or the method. */
  readonly name: string;
  /** What the client called it; refusals repeat the client's own word. */
  readonly exposedName: string;
  readonly connection: UpstreamConnection;
  readonly item: CatalogueItem | undefined;
  /** Params with the server's own names. */
  readonly params: RawJson | undefined;
  readonly paramHeaders: Readonly<Record<string, string>>;
  readonly extraHeaders: Readonly<Record<string, string>>;
  /** The result holds a credential: it is recorded by its digest and its body is never kept. */
  readonly secretResult?: true;
}

/** W3C trace identity of one call. `parent` is the client's span, when it sent one. */
export interface CallTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: string | undefined;
}

/** One action on its way through the pipeline. It only grows: a step sets what is its own and changes nothing else. */
export interface CallContext {
  readonly call: string;
  readonly decisionId: string;
  /** Milliseconds since the epoch, when the request was admitted. */
  readonly time: number;
  readonly request: InboundRequest;
  readonly principal: Principal;
  readonly trace: CallTrace;
  target: Target | undefined;
  args: { readonly [key: string]: JsonValue } | undefined;
  argumentsDigest: string;
  /** Starts as a deny; only `decide` may turn it into an allow. */
  decision: Decision;
  /** The deny is shown as 'unknown', because the caller may not even know that the target exists. */
  hidden: boolean;
  /** What a refused or failed call answers. */
  refusal: Reply | undefined;
  receipt: AuditReceipt | undefined;
  reply: Reply | undefined;
  fault: { readonly id: string; readonly step: string; readonly error: unknown } | undefined;
}

/** Neither waits nor throws: a body that cannot be kept costs no call. */
export interface BodyKeeper {
  /** RFC 8785 form of the arguments, whose digest is in the decision record. */
  arguments(text: string): void;
  result(text: string): void;
}

/** What steps may use. */
export interface PipelineDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly audit: AuditWriter;
  readonly policy: PolicyDecisionPoint;
  readonly broker: Broker;
  revoked(principal: Principal): string | undefined;
  resolve(context: CallContext): Promise<ResolvedTarget> | ResolvedTarget;
  timeoutMs(server: string): number;
  /** Counts a call against the limits of the details that allow it; false when they are used up. Absent: no call is left. */
  readonly takeCall?: CallBudgets['take'];
  /** Keeps what was sent and answered beside the log, by the digest in the record. Absent: digests only. */
  readonly bodies?: BodyKeeper;
  /** Decides and records what a server asks of the client in the middle of a call. */
  permitAsk(context: CallContext, method: string, params: RawJson | undefined): Promise<boolean>;
  /** An outcome could not be recorded, or a step threw: log it, count it. */
  onFault(context: CallContext, step: string, error: unknown): void;
}

export type ResolvedTarget =
  | { readonly ok: true; readonly target: Target }
  /** `reason` goes into the record, `reply` to the client. */
  | {
      readonly ok: false;
      readonly server?: string;
      readonly name?: string;
      readonly reason: string;
      readonly reply: Reply;
    };

/** `stop` ends the list early: the context holds the answer. */
export type StepResult = 'next' | 'stop';

export interface Step {
  readonly name: string;
  run(context: CallContext, deps: PipelineDeps): StepResult | Promise<StepResult>;
}

const MAX_RECORDED = 2_048;

/** A name as it is recorded: a caller who makes up long ones must not fill the disk with them. */
export const recordedName = (name: string): string =>
  name.length <= MAX_RECORDED
    ? name
    : `${name.slice(0, MAX_RECORDED / 4)}… (${name.length} characters, sha256 ${sha256Hex(name)})`;

/** Whose doing a record is. */
export function actorOf(principal: Principal): AuditRecord['actor'] {
  return {
    agent: principal.agent.name,
    agentId: principal.agent.id,
    owner: principal.agent.owners[0] ?? '',
    ...(principal.user === undefined ? {} : { user: principal.user }),
  };
}

/** The record fields that every record of one call shares. */
export function recordBase(context: CallContext): Omit<AuditRecord, 'type' | 'time'> {
  const { principal, request, target } = context;
  const session = request.downstream.session;
  return {
    actor: actorOf(principal),
    call: context.call,
    decision: context.decisionId,
    ...(session === undefined ? {} : { session: session.id.slice(0, 24) }),
    trace: context.trace.traceId,
    span: context.trace.spanId,
    ...(target === undefined ? {} : { server: target.server }),
    method: request.method,
    ...(target === undefined ? {} : { target: recordedName(target.name) }),
  };
}

/** Every call starts from here. */
export const NO_DECISION: Decision = {
  effect: 'deny',
  reasons: [{ code: 'no_decision', message: 'no decision was made' }],
  policies: [],
  errors: [],
  obligations: [],
  policyVersion: '',
};

export const denied = (code: string, message: string, policyVersion = ''): Decision => ({
  ...NO_DECISION,
  reasons: [{ code, message }],
  policyVersion,
});
