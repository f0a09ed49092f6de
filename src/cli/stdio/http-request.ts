import { Agent, type IncomingMessage, request as plainRequest } from 'node:http';
import type { RequestOptions } from 'node:https';

export interface HttpRequest {
  readonly url: string;
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export type HttpSend = (request: HttpRequest) => Promise<IncomingMessage>;

/** Sends over kept-open connections; resolves with the head of the answer. TLS is loaded when a URL needs it. */
export function createHttpSend(): HttpSend & { close(): void } {
  const plain = new Agent({ keepAlive: true, maxSockets: 512, scheduling: 'lifo' });
  const send = async ({
    url,
    method,
    headers,
    body,
    signal,
  }: HttpRequest): Promise<IncomingMessage> => {
    const target = new URL(url);
    const isTls = target.protocol === 'https:';
    const start = isTls ? (await import('node:https')).request : plainRequest;
    const options: RequestOptions = {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      },
      ...(isTls ? {} : { agent: plain }),
      ...(signal === undefined ? {} : { signal }),
    };
    return new Promise((resolve, reject) => {
      const call = start(target, options, resolve);
      call.on('error', reject);
      call.end(body);
    });
  };
  return Object.assign(send, { close: () => plain.destroy() });
}

/** The whole body; throws when it is longer than `limit` bytes. */
export async function readBody(response: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) {
      response.destroy();
      throw new Error('the answer is too large');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
