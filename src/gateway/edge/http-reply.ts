import type { ServerResponse } from 'node:http';

/** Flat name/value pairs: what `writeHead` takes with the least work. */
export type HeaderList = readonly string[];

export const NO_HEADERS: HeaderList = [];
export const RETRY: HeaderList = ['retry-after', '1'];

/** Headers and body leave in one write. Silent when the client is gone or an answer was begun. */
export function sendText(
  res: ServerResponse,
  status: number,
  type: string,
  body: string,
  extra: HeaderList = NO_HEADERS,
): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, [
    'content-type',
    type,
    'content-length',
    String(Buffer.byteLength(body)),
    ...extra,
  ]);
  res.end(body);
}

export function sendJson(
  res: ServerResponse,
  status: number,
  body: string,
  extra?: HeaderList,
): void {
  sendText(res, status, 'application/json', body, extra);
}

export function sendEmpty(
  res: ServerResponse,
  status: number,
  extra: HeaderList = NO_HEADERS,
): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, status === 204 ? [...extra] : ['content-length', '0', ...extra]);
  res.end();
}
