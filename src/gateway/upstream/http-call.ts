import { isUtf8 } from 'node:buffer';
import type { Dispatcher } from 'undici';
import { type AppError, isAppError, type Rostered } from '../../kernel/index.ts';
import type { RawJson, UpstreamAnswer } from '../model.ts';
import { looksLikeBatch, type Message, parseBatch, parseMessage } from '../wire/message.ts';
import { createSseParser, type SseParser } from '../wire/sse-parser.ts';
import type { AskOwner } from './ask-desk.ts';
import {
  answerChallenge,
  type Credentialed,
  type CredentialVerb,
  credentialsOf,
  isRefusal,
  MAX_CREDENTIAL_RETRIES,
  noteNonce,
  refusalFault,
} from './credentials.ts';
import { Deadline } from './deadline.ts';
import type { FaultMeter } from './fault-meter.ts';
import { describeNetworkError, type HttpTarget } from './http-target.ts';
import {
  brokeProtocol,
  cancelled,
  lost,
  timedOut,
  tooLarge,
  unavailable,
} from './upstream-errors.ts';

export type HttpOutcome =
  | { readonly kind: 'answer'; readonly answer: UpstreamAnswer }
  /** Not a success; `error` is the JSON-RPC error in the body. `ours`: it carries the id of this call. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly error: RawJson | undefined;
      readonly ours: boolean;
    }
  | { readonly kind: 'fault'; readonly error: AppError };

export interface HttpCallSpec {
  readonly id: string;
  readonly body: string;
  readonly headers: string[];
  readonly signal: AbortSignal | undefined;
  /** Idle limit in milliseconds; undefined: open-ended, without a cap. */
  readonly timeoutMs: number | undefined;
  /** Sockets to use; listen streams must not take those of calls. */
  readonly use: 'calls' | 'streams';
  readonly meter: FaultMeter;
  /** 2025-03-26 servers may answer with arrays. */
  readonly batches: boolean;
  onMessage(message: Exclude<Message, { kind: 'response' }>, call: HttpCall): void;
  /** Headers of the GET that continues a broken stream; undefined: the revision has no resumption. */
  readonly resume: ((lastEventId: string) => string[]) | undefined;
  /** The call ends without its answer although the server may be working on it. */
  onAbandon(reason: string): void;
  onOutcome(outcome: HttpOutcome, call: HttpCall): void;
}

/** Room for an error message of a refusal; more is not read. */
const MAX_ERROR_BODY = 64 * 1024;
const DEFAULT_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** A server may end its stream a little after the answer; longer, and the socket is taken back. */
const LINGER_MS = 2_000;

/** What is left of the specification once the outcome is told. */
const SETTLED: HttpCallSpec = {
  id: '',
  body: '',
  headers: [],
  signal: undefined,
  timeoutMs: undefined,
  use: 'calls',
  meter: { report: () => false, admitNotification: () => false },
  batches: false,
  onMessage: () => {},
  resume: undefined,
  onAbandon: () => {},
  onOutcome: () => {},
};

/**
 * One JSON-RPC request over Streamable HTTP: POST, then a JSON body or an SSE stream (continued by GET in the legacy era)
 * until the answer to `id`. A class because one is made per call and its handlers are called by undici: no closures on
 * the hot path.
 */
export class HttpCall implements Dispatcher.DispatchHandler, Rostered {
  seat = -1;
  /** Who answers what the server asks on no call's stream; set by connections that allow it. */
  owner: (() => AskOwner) | undefined;
  readonly #target: HttpTarget;
  readonly #meter: FaultMeter;
  readonly #batches: boolean;
  #spec: HttpCallSpec;
  readonly #deadline: Deadline | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #onAbort: (() => void) | undefined;
  #settled = false;
  #written = false;
  #status = 0;
  #headers: Record<string, string | string[] | undefined> = {};
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #size = 0;
  #limit: number;
  #sse: SseParser | undefined;
  #lastEventId: string | undefined;
  #retryMs = DEFAULT_RETRY_MS;
  #resumes = 0;
  #waiting = false;
  #resumed = false;
  #stamp: number | undefined;
  #retries = 0;

  constructor(target: HttpTarget, spec: HttpCallSpec) {
    const { clock, limits } = target.deps;
    this.#target = target;
    this.#spec = spec;
    this.#meter = spec.meter;
    this.#batches = spec.batches;
    this.#limit = limits.maxMessageBytes;
    this.#deadline =
      spec.timeoutMs === undefined
        ? undefined
        : new Deadline(clock, spec.timeoutMs, limits.maxCallMs, (ms) =>
            this.#abandon(timedOut(target.server, ms), 'timed out'),
          );
  }

  start(): void {
    this.#target.load.open++;
    const { signal } = this.#spec;
    if (signal !== undefined) {
      if (signal.aborted) {
        this.#settle({ kind: 'fault', error: cancelled() });
        return;
      }
      this.#onAbort = () => this.#abandon(cancelled(), 'the caller cancelled');
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    this.#send('POST', this.#spec.headers);
  }

  get id(): string {
    return this.#spec.id;
  }

  /** A response header; the last one when it came more than once. */
  header(name: string): string | undefined {
    const value = this.#headers[name];
    return Array.isArray(value) ? value.at(-1) : value;
  }

  /** Silence does not count while the client is asked. */
  hold(): void {
    this.#deadline?.hold();
  }

  release(): void {
    this.#deadline?.release();
  }

  fail(error: AppError): void {
    this.#settle({ kind: 'fault', error });
    this.#abort();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) this.#abort();
    else this.#written = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200 || this.#settled) return;
    this.#status = status;
    this.#headers = headers;
    noteNonce(this.#target, headers);
    const encoding = this.header('content-encoding');
    if (encoding !== undefined && encoding !== 'identity') {
      this.fail(brokeProtocol(this.#target.server, 'it compressed its answer though nobody asked'));
      return;
    }
    const type = this.header('content-type') ?? '';
    if (status === 200 && /^text\/event-stream\b/i.test(type)) this.#openStream();
    else if (status !== 200) this.#limit = Math.min(this.#limit, MAX_ERROR_BODY);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled && this.#sse === undefined) return;
    if (this.#sse !== undefined) {
      this.#sse.push(chunk);
      return;
    }
    this.#size += chunk.length;
    if (this.#size > this.#limit) {
      if (this.#status !== 200) {
        this.#refused(undefined, true);
        return;
      }
      this.fail(tooLarge(this.#target.server, this.#limit));
      return;
    }
    if (this.#first === undefined) this.#first = chunk;
    else if (this.#rest === undefined) this.#rest = [this.#first, chunk];
    else this.#rest.push(chunk);
  }

  onResponseEnd(): void {
    this.#controller = undefined;
    const sse = this.#sse;
    if (sse !== undefined) {
      // `retry` and `id` also count when they came in a block without data.
      this.#lastEventId = sse.lastEventId() ?? this.#lastEventId;
      this.#retryMs = Math.min(sse.retry() ?? this.#retryMs, MAX_RETRY_MS);
      sse.end();
      this.#sse = undefined;
      if (!this.#settled) this.#streamEnded();
      return;
    }
    if (this.#settled) return;
    const bytes = this.#rest === undefined ? this.#first : Buffer.concat(this.#rest, this.#size);
    if (this.#status !== 200) {
      if (!this.#challenged(bytes)) this.#refused(bytes, false);
      return;
    }
    if (bytes === undefined) {
      this.fail(brokeProtocol(this.#target.server, 'an empty answer'));
      return;
    }
    if (!isUtf8(bytes)) {
      this.#fault('not_utf8', 'an answer that is not UTF-8');
      this.fail(brokeProtocol(this.#target.server, 'its answer is not UTF-8'));
      return;
    }
    this.#take(bytes.toString('utf8'));
    if (!this.#settled)
      this.fail(brokeProtocol(this.#target.server, 'its answer belongs to another request'));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#controller = undefined;
    const sse = this.#sse;
    this.#sse = undefined;
    if (this.#settled) return;
    if (isAppError(error)) {
      this.#settle({ kind: 'fault', error });
      return;
    }
    if (sse !== undefined) {
      this.#lastEventId = sse.lastEventId() ?? this.#lastEventId;
      this.#retryMs = Math.min(sse.retry() ?? this.#retryMs, MAX_RETRY_MS);
      this.#streamEnded();
      return;
    }
    const { server } = this.#target;
    // Undici calls `onRequestStart` when a connected socket takes the request: before it, nothing was sent.
    this.#settle({
      kind: 'fault',
      error: this.#written
        ? lost(server, error)
        : unavailable(server, describeNetworkError(error), error),
    });
  }

  #openStream(): void {
    this.#sse = createSseParser({
      maxEventBytes: this.#limit,
      onEvent: (event) => {
        if (event.id !== undefined) this.#lastEventId = event.id;
        if (event.event !== 'message' || event.data === '') return;
        this.#resumes = 0;
        if (this.#settled) return this.#fault('unexpected_message', 'a message after the answer');
        this.#take(event.data);
      },
      onError: (problem) => {
        this.#fault('malformed', `an SSE stream that can't be read: ${problem}`);
        const { server } = this.#target;
        if (!this.#settled) {
          this.fail(
            problem.includes('large')
              ? tooLarge(server, this.#limit)
              : brokeProtocol(server, problem),
          );
        }
      },
    });
  }

  #take(text: string): void {
    const { limits } = this.#target.deps;
    const scan = { maxDepth: limits.maxDepth, maxLength: this.#limit };
    if (this.#batches && looksLikeBatch(text)) {
      const batch = parseBatch(text, scan);
      if (!batch.ok) {
        this.#unreadable(batch.error.problem);
        return;
      }
      for (const item of batch.value) {
        if (!item.ok) this.#unreadable(item.error.problem);
        else this.#message(item.value);
      }
      return;
    }
    const parsed = parseMessage(text, scan);
    if (parsed.ok) this.#message(parsed.value);
    else this.#unreadable(parsed.error.problem);
  }

  #unreadable(problem: string): void {
    if (this.#settled) return;
    this.#fault('malformed', `a message that can't be read: ${problem}`);
    // This stream carries this call only, so the unreadable message was most likely its answer.
    this.fail(brokeProtocol(this.#target.server, problem));
  }

  #message(message: Message): void {
    if (this.#settled) return;
    if (message.kind !== 'response') {
      this.#deadline?.touch();
      if (this.#meter.admitNotification()) this.#spec.onMessage(message, this);
      return;
    }
    if (message.id !== this.#spec.id) {
      this.#fault('unknown_id', 'an answer that belongs to no open request');
      return;
    }
    if (message.result !== undefined) this.#answer({ kind: 'result', result: message.result });
    else if (message.error !== undefined) this.#answer({ kind: 'error', error: message.error });
  }

  #answer(answer: UpstreamAnswer): void {
    this.#settle({ kind: 'answer', answer });
    if (this.#sse === undefined) return;
    const { clock } = this.#target.deps;
    clock.setTimeout(() => {
      if (this.#sse !== undefined) this.#abort();
    }, LINGER_MS);
  }

  /** Sends with the gateway's own credentials, when the target has some. */
  #send(verb: CredentialVerb, headers: string[]): void {
    const given = credentialsOf(this.#target, verb);
    if (given instanceof Promise) void given.then((late) => this.#dispatch(verb, headers, late));
    else this.#dispatch(verb, headers, given);
  }

  #dispatch(verb: CredentialVerb, headers: string[], given: Credentialed): void {
    if (this.#settled) return;
    if (given !== undefined && isRefusal(given)) {
      this.#settle({ kind: 'fault', error: refusalFault(this.#target.server, given) });
      return;
    }
    this.#stamp = given?.stamp;
    const post = verb === 'POST';
    this.#target.pool(post ? this.#spec.use : 'streams').dispatch(
      {
        path: this.#target.path,
        method: verb,
        headers: given === undefined ? headers : [...headers, ...given.headers],
        body: post ? this.#spec.body : null,
      },
      this,
    );
  }

  /** A 401 or 403 comes before execution: with other credentials the request is sent anew. */
  #challenged(bytes: Buffer | undefined): boolean {
    if (this.#resumed || this.#retries >= MAX_CREDENTIAL_RETRIES) return false;
    const answer = answerChallenge(this.#target, this.#status, this.#headers, this.#stamp);
    if (answer === undefined) return false;
    this.#retries++;
    void answer.then((next) => {
      if (this.#settled) return;
      if (next === undefined) {
        this.#refused(bytes, false);
      } else if (next !== 'retry') {
        this.#settle({ kind: 'fault', error: refusalFault(this.#target.server, next) });
      } else {
        this.#status = 0;
        this.#first = undefined;
        this.#rest = undefined;
        this.#size = 0;
        this.#limit = this.#target.deps.limits.maxMessageBytes;
        this.#written = false;
        this.#send('POST', this.#spec.headers);
      }
    });
    return true;
  }

  /** A status other than 200. Modern servers put JSON-RPC errors into 4xx bodies. */
  #refused(bytes: Buffer | undefined, cut: boolean): void {
    const text = bytes !== undefined && !cut && isUtf8(bytes) ? bytes.toString('utf8') : '';
    const parsed =
      text === '' ? undefined : parseMessage(text, { maxDepth: this.#target.deps.limits.maxDepth });
    const message =
      parsed?.ok === true && parsed.value.kind === 'response' ? parsed.value : undefined;
    const error = message?.error;
    const ours = error !== undefined && message?.id === this.#spec.id;
    const status = this.#status;
    // In the legacy era 404 means first of all that the session is gone, whatever the body says.
    const mayAnswer =
      status !== 401 && status !== 403 && (status !== 404 || this.#spec.resume === undefined);
    if (this.#resumed) {
      // The call itself was taken long ago; it may have run, so this must not look like "never started".
      this.#settle({ kind: 'fault', error: lost(this.#target.server) });
    } else if (ours && mayAnswer) {
      this.#settle({ kind: 'answer', answer: { kind: 'error', error } });
    } else {
      this.#settle({ kind: 'status', status, error, ours });
    }
    if (cut) this.#abort();
  }

  /** The stream is over, the answer has not come. */
  #streamEnded(): void {
    const { server, deps } = this.#target;
    const { resume } = this.#spec;
    if (
      resume === undefined ||
      this.#lastEventId === undefined ||
      this.#resumes >= deps.limits.maxResumes
    ) {
      this.#settle({ kind: 'fault', error: lost(server) });
      return;
    }
    this.#resumes++;
    this.#resumed = true;
    this.#waiting = true;
    const lastEventId = this.#lastEventId;
    deps.clock.setTimeout(() => {
      this.#waiting = false;
      if (this.#settled) return;
      this.#status = 0;
      this.#send('GET', resume(lastEventId));
    }, this.#retryMs);
  }

  #fault(
    kind: 'malformed' | 'not_utf8' | 'unknown_id' | 'unexpected_message',
    detail: string,
  ): void {
    if (!this.#meter.report(kind, detail)) return;
    if (!this.#settled) this.fail(brokeProtocol(this.#target.server, 'too many protocol faults'));
    else this.#abort();
  }

  #abandon(error: AppError, reason: string): void {
    if (this.#settled) return;
    const { onAbandon } = this.#spec;
    this.#settle({ kind: 'fault', error });
    if (this.#written || this.#waiting) onAbandon(reason);
    this.#abort();
  }

  #abort(): void {
    this.#controller?.abort(cancelled());
    this.#controller = undefined;
  }

  #settle(outcome: HttpOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#target.load.open--;
    this.#deadline?.cancel();
    const spec = this.#spec;
    if (this.#onAbort !== undefined) spec.signal?.removeEventListener('abort', this.#onAbort);
    this.#first = undefined;
    this.#rest = undefined;
    this.#onAbort = undefined;
    // Undici's structures may hold this object a while longer; the call's own must not wait for them.
    this.#spec = SETTLED;
    spec.onOutcome(outcome, this);
  }
}
