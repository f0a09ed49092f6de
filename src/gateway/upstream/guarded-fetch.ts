import { isIP } from 'node:net';
import { Agent } from 'undici';
import type { Clock } from '../../kernel/index.ts';
import {
  classifyAddress,
  createGuardedLookup,
  isAllowed,
  type ResolvePort,
} from './address-guard.ts';

export interface GuardedRequest {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Loopback and private addresses may be asked, and those without TLS too. */
  readonly allowPrivate: boolean;
}

/** Why nothing came back, in words for an operator; never holds what the other side sent. */
export class FetchRefused extends Error {
  override readonly name = 'FetchRefused';
}

export interface GuardedFetch {
  /** The whole answer, whatever its status. Redirects are answers, not followed. Throws `FetchRefused`. */
  send(url: string, request: GuardedRequest): Promise<Response>;
  close(): Promise<void>;
}

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 15_000;
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * HTTP for documents whose address somebody else names (authorization server metadata and the like): https to public
 * addresses, checked after resolution inside the socket's `lookup`; with `allowPrivate` also private ones, and plain
 * http to those alone. At most 256 KiB and 15 s in total, no redirects, no cookies.
 */
export function createGuardedFetch(deps: {
  readonly clock: Clock;
  readonly resolve?: ResolvePort;
}): GuardedFetch {
  const agents = new Map<string, Agent>();
  const agentFor = (allowPrivate: boolean, plain: boolean): Agent => {
    const key = `${allowPrivate} ${plain}`;
    let agent = agents.get(key);
    if (agent === undefined) {
      agent = new Agent({
        connections: 8,
        pipelining: 1,
        allowH2: false,
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
        keepAliveTimeout: 4_000,
        connect: {
          lookup: createGuardedLookup(allowPrivate, deps.resolve, plain) as never,
          timeout: 10_000,
        },
      });
      agents.set(key, agent);
    }
    return agent;
  };

  return {
    async send(text, request) {
      const { allowPrivate } = request;
      const url = URL.parse(text);
      if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
        throw new FetchRefused('the address is neither https nor http');
      if (url.username !== '' || url.password !== '')
        throw new FetchRefused('the address holds a password');
      const plain = url.protocol === 'http:';
      if (plain && !allowPrivate) throw new FetchRefused('the address is not https');
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address never reaches `lookup`.
      if (isIP(host) !== 0) {
        const refused = !isAllowed(host, allowPrivate);
        if (refused || (plain && classifyAddress(host) === 'public'))
          throw new FetchRefused(
            refused
              ? 'the address is private or local; set allowPrivate if that is meant'
              : 'the address is public and not https',
          );
      }
      const stop = new AbortController();
      const timer = deps.clock.setTimeout(() => stop.abort(), TIMEOUT_MS);
      try {
        const answer = await agentFor(allowPrivate, plain).request({
          origin: url.origin,
          path: url.pathname + url.search,
          method: request.method,
          headers: { ...request.headers, 'accept-encoding': 'identity' },
          body: request.body ?? null,
          signal: stop.signal,
        });
        const chunks: Buffer[] = [];
        let size = 0;
        for await (const chunk of answer.body as AsyncIterable<Buffer>) {
          size += chunk.length;
          if (size > MAX_BYTES) {
            stop.abort();
            throw new FetchRefused(`the answer has more than ${MAX_BYTES} bytes`);
          }
          chunks.push(chunk);
        }
        const headers = new Headers();
        for (const [name, value] of Object.entries(answer.headers))
          for (const one of Array.isArray(value) ? value : [value])
            if (one !== undefined) headers.append(name, one);
        const status = answer.statusCode;
        return new Response(WITHOUT_BODY.has(status) ? null : Buffer.concat(chunks, size), {
          status,
          headers,
        });
      } catch (error) {
        if (error instanceof FetchRefused) throw error;
        if (stop.signal.aborted) throw new FetchRefused('it did not answer in time');
        throw new FetchRefused(wordsFor(error));
      } finally {
        timer.cancel();
      }
    },
    async close() {
      const open = [...agents.values()];
      agents.clear();
      await Promise.all(open.map((agent) => agent.destroy()));
    },
  };
}

function wordsFor(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'ADDRESS_REFUSED')
    return 'its name resolves to an address that may not be asked; set allowPrivate if that is meant';
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code)
    ? `the connection failed (${code})`
    : 'the connection failed';
}
