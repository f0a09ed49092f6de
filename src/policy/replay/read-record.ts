import type { AgentFacts, Effect, JsonValue } from '../model.ts';
import { kindOfMethod } from './kind-of-method.ts';
import type { RecordedCall, Unreplayable } from './model.ts';

/** A record of the audit log, as far as the replay reads it. What a log holds is not trusted to have the right types. */
export interface DecisionRecord {
  readonly seq: number;
  readonly type: string;
  readonly time: number;
  readonly actor?: unknown;
  readonly call?: unknown;
  readonly session?: unknown;
  readonly server?: unknown;
  readonly method?: unknown;
  readonly target?: unknown;
  readonly effect?: unknown;
  readonly detail?: unknown;
}

export interface ReadRecordDeps {
  /** The agent as it is registered now. */
  agent(name: string): AgentFacts | undefined;
  /** Kept arguments by the digest in the record; undefined when they were not kept. */
  arguments(
    digest: string,
  ):
    | Promise<{ readonly [key: string]: JsonValue } | undefined>
    | { readonly [key: string]: JsonValue }
    | undefined;
}

/** SHA-256 of `{}`, which stands for "no arguments" too. */
const NO_ARGUMENTS = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';

/** First reason codes of what policy itself decided. */
const POLICY_CODES: ReadonlySet<unknown> = new Set([
  'permitted',
  'forbidden',
  'no_permit',
  'condition_false',
  'approval_required',
  'policy_error',
]);

type Fields = { readonly [key: string]: unknown };

/** Makes a call of a decision record, or says why it cannot be replayed. */
export async function readRecord(
  record: DecisionRecord,
  deps: ReadRecordDeps,
): Promise<RecordedCall | Unreplayable> {
  const detail = fields(record.detail);
  const actor = fields(record.actor);
  const [reason] = Array.isArray(detail['reasons']) ? (detail['reasons'] as unknown[]) : [];
  if (!POLICY_CODES.has(reason)) return 'not_policy';
  if (detail['chain'] !== undefined) return 'delegated';
  const { method, server, time } = record;
  const name = actor['agent'];
  const effect = policyEffect(record.effect, detail['observed']);
  if (typeof method !== 'string' || typeof server !== 'string' || typeof name !== 'string')
    return 'incomplete';
  if (effect === undefined || !Number.isFinite(time) || server === '') return 'incomplete';
  const kind = kindOfMethod(method);
  const isAsk = kind === 'sampling' || kind === 'elicitation' || kind === 'roots';
  const target = isAsk ? method : record.target;
  if (typeof target !== 'string') return 'incomplete';
  const agent = agentOf(name, actor, detail['agent'], deps);
  if (agent === undefined) return 'agent_unknown';
  const digest = detail['arguments'];
  const args = kind === 'tool' ? await argumentsOf(digest, deps) : undefined;
  const { transport, era } = detail;
  return {
    seq: record.seq,
    time,
    ...(typeof record.call === 'string' ? { call: record.call } : {}),
    agent,
    ...(typeof actor['user'] === 'string' ? { user: actor['user'] } : {}),
    kind,
    method,
    server,
    target,
    ...(args === undefined ? {} : { arguments: args }),
    ...(transport === 'http' || transport === 'sse' || transport === 'stdio' ? { transport } : {}),
    ...(era === 'legacy' || era === 'modern' ? { era } : {}),
    ...(typeof record.session === 'string' ? { sessionId: record.session } : {}),
    approved: detail['approved'] === true,
    effect,
    policyVersion: typeof detail['policyVersion'] === 'string' ? detail['policyVersion'] : '',
  };
}

async function argumentsOf(
  digest: unknown,
  deps: ReadRecordDeps,
): Promise<RecordedCall['arguments']> {
  if (digest === NO_ARGUMENTS) return { value: {} };
  if (typeof digest !== 'string') return undefined;
  const value = await deps.arguments(digest);
  return value === undefined ? undefined : { value };
}

/** In observe mode everything passes, and `observed` is what policy said. */
function policyEffect(effect: unknown, observed: unknown): Effect | undefined {
  const said = effect === 'allow' && isEffect(observed) ? observed : effect;
  return isEffect(said) ? said : undefined;
}

function isEffect(value: unknown): value is Effect {
  return value === 'allow' || value === 'deny' || value === 'hold';
}

/** The facts that were recorded with the decision; else, for older records, those of now. */
function agentOf(
  name: string,
  actor: Fields,
  recorded: unknown,
  deps: ReadRecordDeps,
): AgentFacts | undefined {
  if (typeof recorded !== 'object' || recorded === null) return deps.agent(name);
  const { groups, blueprint, environment, riskTier } = recorded as Fields;
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' ? value : undefined;
  const facts = {
    blueprint: text(blueprint),
    environment: text(environment),
    riskTier: text(riskTier),
  };
  const known = Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined),
  ) as { [K in keyof typeof facts]?: string };
  const made: AgentFacts = {
    id: text(actor['agentId']) ?? '',
    name,
    owner: text(actor['owner']) ?? '',
    groups: Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : [],
    ...known,
  };
  const now = deps.agent(name);
  // One object per agent lets the evaluator keep what it made of it.
  return now !== undefined && same(now, made) ? now : made;
}

function same(a: AgentFacts, b: AgentFacts): boolean {
  return (
    a.id === b.id &&
    a.owner === b.owner &&
    a.blueprint === b.blueprint &&
    a.environment === b.environment &&
    a.riskTier === b.riskTier &&
    (a.groups ?? []).join('\0') === (b.groups ?? []).join('\0')
  );
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
