import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../kernel/clock.ts';
import { codeOf, type GatewayCall, pause } from './gateway-call.ts';
import { readBody } from './http-request.ts';
import { createSession } from './legacy-session.ts';
import { type JsonId, type MessageFacts, readMessageFacts } from './message-facts.ts';
import { createParamHeaders, modernHeaders } from './modern-headers.ts';
import { ShimError } from './ports.ts';
import { readEvents } from './read-events.ts';
import type { InputLine } from './read-lines.ts';
import { answeredId, errorFor, oneLine, shimError } from './replies.ts';

export interface RelayDeps {
  readonly call: GatewayCall;
  readonly clock: Clock;
  /** Writes one line to the client; resolves when there is room for more. */
  readonly write: (line: string) => Promise<void>;
  /** Tells the person, on stderr. */
  readonly note: (text: string) => void;
}

export interface Relay {
  /** Takes a line of the client; answers arrive through `write`. Never throws. */
  take(line: InputLine): void;
  /** No more input: waits for open requests, ends the session. */
  finish(graceMs: number): Promise<void>;
}

export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const MAX_ANSWER = 64 * 1024 * 1024;
const MAX_OPEN = 512;
const MAX_RESUMES = 4;
const RESUME_WAIT_MS = 500;
const MAX_PAGES = 20;
export const POST_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

interface Open {
  readonly controller: AbortController;
  readonly isModern: boolean;
  readonly isListen: boolean;
}

/** Passes messages between a client's lines and the gateway's endpoint, in both eras of the protocol. */
export function createRelay({ call, clock, write, note }: RelayDeps): Relay {
  const open = new Map<string, Open>();
  const working = new Set<Promise<void>>();
  const all = new AbortController();
  const params = createParamHeaders();
  const session = createSession({ call, clock, signal: all.signal, emit, note });
  let version: string | undefined;
  let gate: Promise<void> = Promise.resolve();

  function emit(json: string): Promise<void> {
    return write(oneLine(json));
  }
  const fail = async (ids: readonly JsonId[], error: unknown): Promise<void> => {
    const known = error instanceof ShimError;
    const text = known
      ? error.message
      : `the connection to the gateway broke (${codeOf(error) ?? 'fault'})`;
    const kind = !known ? 'lost' : error.exit === 5 ? 'unreachable' : 'no_token';
    note(text);
    for (const id of ids) await emit(shimError(id, text, kind));
  };

  /** The rest of a legacy answer whose stream broke, from the gateway's memory (2025-11-25, resumability). */
  async function resumed(
    lastId: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage | undefined> {
    const headers = session.headers();
    if (lastId === undefined || headers === undefined || signal.aborted) return undefined;
    const response = await call({
      method: 'GET',
      headers: { ...headers, accept: 'text/event-stream', 'last-event-id': lastId },
      signal,
    });
    if (response.statusCode === 200) return response;
    response.resume();
    return undefined;
  }

  async function pump(
    first: IncomingMessage,
    facts: MessageFacts,
    signal: AbortSignal,
  ): Promise<void> {
    const waiting = new Map(facts.ids.map((id) => [JSON.stringify(id), id]));
    let lastId: string | undefined;
    let stream: IncomingMessage | undefined = first;
    for (let tries = 0; stream !== undefined; tries += 1) {
      try {
        for await (const { data, id } of readEvents(stream, MAX_ANSWER)) {
          lastId = id ?? lastId;
          if (data === '') continue;
          if (facts.method === 'tools/list') params.learn(data);
          waiting.delete(answeredId(data) ?? '');
          await emit(data);
        }
      } catch {
        // A broken stream is resumed like one that ended early.
      }
      if (waiting.size === 0 || signal.aborted || tries >= MAX_RESUMES) break;
      await pause(clock, tries * RESUME_WAIT_MS, signal);
      stream = await resumed(lastId, signal).catch(() => undefined);
    }
    if (!signal.aborted && waiting.size > 0)
      await fail([...waiting.values()], new Error('the stream ended early'));
  }

  async function answer(
    response: IncomingMessage,
    facts: MessageFacts,
    signal: AbortSignal,
  ): Promise<void> {
    const status = response.statusCode ?? 0;
    const type = response.headers['content-type'] ?? '';
    if (status === 200 && type.startsWith('text/event-stream'))
      return pump(response, facts, signal);
    const body = await readBody(response, MAX_ANSWER);
    if (status === 200) {
      if (facts.method === 'tools/list') params.learn(body);
      if (body !== '') await emit(body);
      return;
    }
    if (status > 200 && status < 300) return;
    const text = `the gateway refused the message (HTTP ${status})`;
    if (facts.ids.length === 0) note(text);
    for (const id of facts.ids) await emit(errorFor(id, body) ?? shimError(id, text, 'refused'));
  }

  const post = (
    line: string,
    facts: MessageFacts,
    signal: AbortSignal,
  ): Promise<IncomingMessage> => {
    const modern = facts.version ?? (session.isOpen() ? undefined : version);
    const extra =
      modern === undefined
        ? (session.headers() ?? {})
        : { ...modernHeaders(facts, modern), ...params.of(facts) };
    return call({ method: 'POST', headers: { ...POST_HEADERS, ...extra }, body: line, signal });
  };

  /** A tool that was not listed here may declare headers: lists the tools as this client, then knows. */
  async function learnTools(line: string, facts: MessageFacts, signal: AbortSignal): Promise<void> {
    const { _meta } = (JSON.parse(line) as { params: { _meta?: unknown } }).params;
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const list = JSON.stringify({
        jsonrpc: '2.0',
        id: 'sallyport-stdio-tools',
        method: 'tools/list',
        params: { _meta, ...(cursor === undefined ? {} : { cursor }) },
      });
      const own: MessageFacts = {
        ...facts,
        method: 'tools/list',
        name: undefined,
        arguments: undefined,
      };
      const response = await post(list, own, signal);
      let body = '';
      if ((response.headers['content-type'] ?? '').startsWith('text/event-stream')) {
        for await (const { data } of readEvents(response, MAX_ANSWER))
          if (answeredId(data) !== undefined) body = data;
      } else body = await readBody(response, MAX_ANSWER);
      params.learn(body);
      cursor = (JSON.parse(body) as { result?: { nextCursor?: string } }).result?.nextCursor;
      if (cursor === undefined) return;
    }
  }

  async function exchange(line: string, facts: MessageFacts, signal: AbortSignal): Promise<void> {
    if (facts.method === 'initialize') {
      const reply = await session.initialize(line, signal);
      return answer(reply, facts, signal);
    }
    let response = await post(line, facts, signal);
    const isLegacy = facts.version === undefined && session.isOpen();
    if (response.statusCode === 404 && isLegacy) {
      response.resume();
      await session.reopen(signal);
      response = await post(line, facts, signal);
    } else if (response.statusCode === 400 && facts.method === 'tools/call' && !isLegacy) {
      const body = await readBody(response, MAX_ANSWER);
      const id = facts.ids[0] ?? null;
      if (!/"code":\s*-32020\b/.test(body))
        return emit(errorFor(id, body) ?? shimError(id, 'refused', 'refused'));
      await learnTools(line, facts, signal);
      response = await post(line, facts, signal);
    }
    await answer(response, facts, signal);
    if (facts.method === 'notifications/initialized') session.initialized(line);
  }

  function start(line: string, facts: MessageFacts): Promise<void> {
    const controller = new AbortController();
    const signal = AbortSignal.any([controller.signal, all.signal]);
    const entry: Open = {
      controller,
      isModern: facts.version !== undefined,
      isListen: facts.method === 'subscriptions/listen',
    };
    const keys = facts.ids.map((id) => JSON.stringify(id));
    for (const key of keys) open.set(key, entry);
    const work = gate
      .then(() => exchange(line, facts, signal))
      .catch((error: unknown) => (signal.aborted ? undefined : fail(facts.ids, error)))
      .finally(() => {
        for (const key of keys) if (open.get(key) === entry) open.delete(key);
        working.delete(work);
      });
    working.add(work);
    return work;
  }

  return {
    take(line) {
      if (line === undefined) {
        const text = `a message is larger than ${MAX_MESSAGE_BYTES} bytes`;
        note(text);
        void emit(shimError(null, text, 'too_large'));
        return;
      }
      const facts = readMessageFacts(line);
      if (facts === undefined) {
        void emit(shimError(null, 'the line is not JSON', 'parse'));
        return;
      }
      version = facts.version ?? version;
      if (facts.ids.length > 0 && open.size >= MAX_OPEN) {
        for (const id of facts.ids) void emit(shimError(id, 'too many requests are open', 'busy'));
        return;
      }
      const cancelled =
        facts.cancels === undefined ? undefined : open.get(JSON.stringify(facts.cancels));
      if (cancelled?.isModern === true) {
        // In this era closing the answer's stream is the cancellation.
        cancelled.controller.abort();
        return;
      }
      const work = start(line, facts);
      // What establishes a session is finished before anything that relies on it leaves.
      if (facts.method === 'initialize' || facts.method === 'notifications/initialized')
        gate = work;
    },
    async finish(graceMs) {
      for (const entry of open.values()) if (entry.isListen) entry.controller.abort();
      const done = new AbortController();
      await Promise.race([Promise.all(working), pause(clock, graceMs, done.signal)]);
      done.abort();
      await session.close(graceMs > 0 ? 1_000 : 200);
      all.abort();
    },
  };
}
