import type { z } from 'zod';
import { AppError, type Clock, ERROR_TABLE, type ErrorCode } from '../kernel/index.ts';
import {
  PROBLEM,
  ROUTES,
  type RouteId,
  type RouteInput,
  type RouteOutput,
} from './contract/index.ts';
import { ProblemError } from './problem.ts';

export interface ApiClientOptions {
  /** Of the admin port, such as `http://127.0.0.1:7401`. */
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  /** What the audit record says of the way a change came. */
  readonly channel?: 'cli' | 'api';
  /** 30 s by default. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof fetch;
}

export interface ApiEvent {
  /** Sequence number of the record. */
  readonly seq: number;
  readonly record: RouteOutput<'audit.tail'>;
}

export interface ApiClient {
  /** Calls a route and checks the answer. Throws `ProblemError`, `API_UNREACHABLE`, `API_TIMEOUT`, `API_BAD_ANSWER`. */
  call<I extends Exclude<RouteId, 'audit.tail'>>(
    id: I,
    input: RouteInput<I>,
  ): Promise<RouteOutput<I>>;
  /** Follows the audit log until the signal aborts or the gateway ends the stream. */
  tail(
    query: Readonly<Record<string, string | number | undefined>>,
    signal: AbortSignal,
    lastEventId?: number,
  ): AsyncGenerator<ApiEvent, void, void>;
}

interface AnyInput {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly [param: string]: unknown;
}

const TIMEOUT_MS = 30_000;
const MAX_EVENT = 4 * 1024 * 1024;

export function createApiClient(options: ApiClientOptions): ApiClient {
  const { url, token, clock, channel = 'api', timeoutMs = TIMEOUT_MS } = options;
  const send = options.fetch ?? fetch;
  const headers = { authorization: `Bearer ${token}`, 'sallyport-channel': channel };

  const request = async (id: RouteId, input: AnyInput, signal: AbortSignal, extra = {}) => {
    const { method, path } = ROUTES[id];
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(String(input[name])),
    );
    const target = new URL(filled, url);
    for (const [name, value] of Object.entries(input.query ?? {}))
      if (value !== undefined) target.searchParams.set(name, String(value));
    try {
      return await send(target, {
        method,
        redirect: 'error',
        signal,
        headers: {
          ...headers,
          ...extra,
          ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
      });
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new AppError('API_UNREACHABLE', { params: { url }, cause });
    }
  };
  const badAnswer = (problem: string): AppError =>
    new AppError('API_BAD_ANSWER', { params: { url, problem } });

  return {
    async call(id, input) {
      const limit = new AbortController();
      const timer = clock.setTimeout(() => limit.abort(), timeoutMs);
      try {
        const response = await request(id, input as AnyInput, limit.signal);
        const text = await response.text();
        if (!response.ok)
          throw problemOf(text, response.status) ?? badAnswer(`HTTP ${response.status}`);
        const schema: z.ZodType = ROUTES[id].response;
        const parsed = schema.safeParse(jsonOf(text));
        if (parsed.success) return parsed.data as RouteOutput<typeof id>;
        const issue = parsed.error.issues[0];
        throw badAnswer(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`);
      } catch (error) {
        if (!limit.signal.aborted) throw error;
        throw new AppError('API_TIMEOUT', { params: { url, seconds: timeoutMs / 1000 } });
      } finally {
        timer.cancel();
      }
    },
    async *tail(query, signal, lastEventId) {
      const response = await request(
        'audit.tail',
        { query },
        signal,
        lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) },
      );
      if (!response.ok || response.body === null)
        throw (
          problemOf(await response.text(), response.status) ?? badAnswer(`HTTP ${response.status}`)
        );
      const decoder = new TextDecoder();
      let pending = '';
      try {
        for await (const chunk of response.body) {
          pending += decoder.decode(chunk, { stream: true });
          if (pending.length > MAX_EVENT) throw badAnswer('an event is too large');
          const blocks = pending.split('\n\n');
          pending = blocks.pop() ?? '';
          for (const block of blocks) {
            const data = /^data: (.*)$/m.exec(block)?.[1];
            const id = /^id: (\d+)$/m.exec(block)?.[1];
            const record = ROUTES['audit.tail'].response.safeParse(jsonOf(data ?? ''));
            if (record.success) yield { seq: Number(id ?? record.data.seq), record: record.data };
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemOf(text: string, status: number): ProblemError | undefined {
  const parsed = PROBLEM.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  const { code, detail, hint } = parsed.data;
  const row = Object.hasOwn(ERROR_TABLE, code) ? ERROR_TABLE[code as ErrorCode] : undefined;
  return new ProblemError({ status, code, message: detail, hint, exit: row?.exit ?? 1 });
}
