import { Worker } from 'node:worker_threads';
import { AppError, type Clock, type Timer } from '../../kernel/index.ts';
import { ROOT_SCHEMA } from '../schema/root-schema.ts';
import type { SchemaFragment } from '../schema/server-schema.ts';
import { assertPolicyBounds, assertSetBounds } from './policy-bounds.ts';
import type {
  AuthorizeAnswer,
  ParseAnswer,
  PoliciesById,
  RefereeCase,
  ValidateAnswer,
  WorkerCalls,
  WorkerOp,
  WorkerReply,
  WorkerRequest,
} from './worker-protocol.ts';

/** Long enough for strict validation of thousands of policies on a slow machine. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** Jobs waiting; beyond it new ones are refused rather than remembered. */
const MAX_QUEUE = 10_000;

export interface CedarHostDeps {
  readonly clock: Clock;
  /** Longest run of one job in milliseconds. */
  readonly timeoutMs?: number;
}

/** Cedar's own implementation, kept at arm's length. All calls are asynchronous and time-boxed. */
export interface CedarHost {
  /** One policy to Cedar's JSON form. @throws AppError `POLICY_TOO_LARGE`, `POLICY_TOO_DEEP`, `POLICY_HOST_FAULT` */
  parse(text: string): Promise<ParseAnswer>;
  /** The same for several, in one job: a fault fails all of them. */
  parseAll(texts: readonly string[]): Promise<readonly ParseAnswer[]>;
  /** Strict validation against the root schema and the given namespaces. @throws AppError as `parse` */
  validate(
    fragments: Readonly<Record<string, SchemaFragment>>,
    policies: PoliciesById,
  ): Promise<ValidateAnswer>;
  /** The referee's decision. @throws AppError `POLICY_HOST_FAULT` */
  authorize(policies: PoliciesById, question: RefereeCase): Promise<AuthorizeAnswer>;
  /** Canonical layout of a policy text. @throws AppError as `parse` */
  format(text: string): Promise<WorkerCalls['format']['answer']>;
  /** What Cedar's generator for MCP makes of tools. @throws AppError `POLICY_HOST_FAULT` */
  generate(
    namespace: string,
    tools: readonly unknown[],
  ): Promise<WorkerCalls['generate']['answer']>;
  /** Workers started so far; more than one means that some were replaced. */
  started(): number;
  close(): Promise<void>;
}

interface Job {
  readonly op: WorkerOp;
  readonly args: unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs cedar-wasm in a worker thread, one job at a time, the referee's questions last. The worker starts with the first job and never keeps the
 * process alive. After a thrown error, a crash or a time-out it is replaced; only the job that caused it fails, with
 * `POLICY_HOST_FAULT`. Texts are measured before any parser sees them.
 */
export function createCedarHost({
  clock,
  timeoutMs = DEFAULT_TIMEOUT_MS,
}: CedarHostDeps): CedarHost {
  const queue: Job[] = [];
  /** The referee's questions: nobody waits for them, and they must not keep a change of policies waiting. */
  const behind: Job[] = [];
  let worker: Worker | undefined;
  let running: { readonly id: number; readonly job: Job; readonly timer: Timer } | undefined;
  let nextId = 1;
  let started = 0;
  let closed = false;

  const discard = (): void => {
    const old = worker;
    worker = undefined;
    if (old === undefined) return;
    old.removeAllListeners();
    old.on('error', () => {});
    void old.terminate();
  };

  const finish = (settle: (job: Job) => void): void => {
    const done = running;
    running = undefined;
    done?.timer.cancel();
    if (worker !== undefined && queue.length + behind.length === 0) worker.unref();
    if (done !== undefined) settle(done.job);
    pump();
  };

  const rejectWith =
    (problem: string) =>
    (job: Job): void =>
      job.reject(new AppError('POLICY_HOST_FAULT', { params: { problem } }));

  const failed = (problem: string): void => {
    discard();
    finish(rejectWith(problem));
  };

  const start = (): Worker => {
    // The build rewrites import specifiers, not strings.
    const file = import.meta.url.endsWith('.ts') ? './cedar-worker.ts' : './cedar-worker.js';
    const fresh = new Worker(new URL(file, import.meta.url), { name: 'cedar', env: {} });
    started++;
    fresh.on('message', (reply: WorkerReply) => {
      if (reply.id !== running?.id) return;
      if ('thrown' in reply) failed(reply.thrown);
      else finish((job) => job.resolve(reply.answer));
    });
    fresh.on('error', (error: unknown) => failed(error instanceof Error ? error.message : 'crash'));
    fresh.on('exit', () => {
      if (worker === fresh) failed('the worker ended');
    });
    return fresh;
  };

  function pump(): void {
    if (running !== undefined) return;
    const job = queue.shift() ?? behind.shift();
    if (job === undefined) return;
    worker ??= start();
    // Pending work keeps the process alive; an idle worker does not.
    worker.ref();
    const id = nextId++;
    const timer = clock.setTimeout(() => failed(`no answer within ${timeoutMs} ms`), timeoutMs);
    running = { id, job, timer };
    try {
      worker.postMessage({ id, op: job.op, args: job.args } as WorkerRequest);
    } catch {
      // Values too deep to be copied never reach the worker, which stays good.
      finish(rejectWith('the question cannot be handed over'));
    }
  }

  const call = <Op extends WorkerOp>(
    op: Op,
    args: WorkerCalls[Op]['args'],
  ): Promise<WorkerCalls[Op]['answer']> =>
    new Promise((resolve, reject) => {
      const problem = closed
        ? 'it is closed'
        : queue.length + behind.length >= MAX_QUEUE
          ? 'too many jobs wait'
          : '';
      if (problem !== '') {
        reject(new AppError('POLICY_HOST_FAULT', { params: { problem } }));
        return;
      }
      const lane = op === 'authorize' ? behind : queue;
      lane.push({ op, args, resolve: resolve as (answer: unknown) => void, reject });
      pump();
    });

  return {
    async parse(text) {
      assertPolicyBounds(text);
      return call('parse', { text });
    },
    async parseAll(texts) {
      for (const text of texts) assertPolicyBounds(text);
      return call('parseAll', { texts });
    },
    async validate(fragments, policies) {
      assertSetBounds(Object.values(policies));
      return call('validate', { root: ROOT_SCHEMA, fragments, policies });
    },
    authorize: (policies, question) => call('authorize', { policies, question }),
    async format(text) {
      assertPolicyBounds(text);
      return call('format', { text });
    },
    generate: (namespace, tools) => call('generate', { namespace, tools }),
    started: () => started,
    async close() {
      closed = true;
      const waiting = [...queue.splice(0), ...behind.splice(0)];
      const old = worker;
      discard();
      const error = new AppError('POLICY_HOST_FAULT', { params: { problem: 'it is closed' } });
      finish((job) => job.reject(error));
      for (const job of waiting) job.reject(error);
      await old?.terminate();
    },
  };
}
