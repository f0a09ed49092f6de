import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HeaderList, NO_HEADERS, sendEmpty } from './http-reply.ts';

const EXPOSED = 'mcp-session-id, www-authenticate, retry-after';
const ALLOWED = new Set([
  'authorization',
  'content-type',
  'accept',
  'dpop',
  'last-event-id',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'traceparent',
  'tracestate',
]);

/** What a browser needs to read an answer; only for origins the allow-list let through. */
export function corsHeaders(origin: string | undefined): HeaderList {
  if (origin === undefined) return NO_HEADERS;
  return [
    'access-control-allow-origin',
    origin,
    'vary',
    'origin',
    'access-control-expose-headers',
    EXPOSED,
  ];
}

/** A preflight carries no credentials, so it is answered without admission. */
export function preflight(req: IncomingMessage, res: ServerResponse, headers: HeaderList): void {
  const asked = String(req.headers['access-control-request-headers'] ?? '').toLowerCase();
  const names = asked.split(',', 64).map((name) => name.trim());
  const allowed = names.filter(
    (name) => ALLOWED.has(name) || /^mcp-param-[a-z0-9_.-]{1,128}$/.test(name),
  );
  sendEmpty(res, 204, [
    ...headers,
    'access-control-allow-methods',
    'POST, GET, DELETE',
    'access-control-allow-headers',
    allowed.join(', '),
    'access-control-max-age',
    '600',
  ]);
}
