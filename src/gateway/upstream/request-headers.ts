import type { RawJson } from '../model.ts';
import { encodeHeaderValue } from '../wire/header-value.ts';
import { rawAsString, rawGet } from '../wire/raw-json.ts';
import type { HttpTarget } from './http-target.ts';

const BOTH = 'application/json, text/event-stream';

/** Never taken from what a caller hands in: credentials of the inbound side and what belongs to one hop. */
const NEVER_FORWARDED = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'dpop',
  'host',
  'content-type',
  'content-length',
  'accept',
  'accept-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'forwarded',
  'x-forwarded-for',
  'origin',
  'last-event-id',
]);

/** Headers all POSTs to one server share. Flat name, value list, to be copied. */
export function postHeaders(): string[] {
  return ['content-type', 'application/json', 'accept', BOTH];
}

export function streamHeaders(): string[] {
  return ['accept', 'text/event-stream'];
}

/**
 * `Mcp-Method`, `Mcp-Name` and `Mcp-Param-*` of a modern request (2026-07-28, transports). Everything is rebuilt from the
 * message that was evaluated, nothing copied from what the client's headers said.
 */
export function pushModernHeaders(
  headers: string[],
  method: string,
  params: RawJson | undefined,
  paramHeaders: Readonly<Record<string, string>>,
): void {
  headers.push('mcp-method', encodeHeaderValue(method));
  const key = nameKey(method);
  const raw = key === undefined || params === undefined ? undefined : rawGet(params, key);
  const name = raw === undefined ? undefined : rawAsString(raw);
  if (name !== undefined) headers.push('mcp-name', encodeHeaderValue(name));
  for (const given in paramHeaders) {
    const value = paramHeaders[given];
    const lower = given.toLowerCase();
    const header = lower.startsWith('mcp-param-') ? lower : `mcp-param-${lower}`;
    if (value !== undefined && /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(header)) {
      headers.push(header, encodeHeaderValue(value));
    }
  }
}

function nameKey(method: string): string | undefined {
  if (method === 'tools/call' || method === 'prompts/get') return 'name';
  if (method === 'resources/read') return 'uri';
  return method.startsWith('tasks/') ? 'taskId' : undefined;
}

/** Headers the core asks for (trace context and the like), without those that must never pass. */
export function pushExtraHeaders(
  headers: string[],
  extra: Readonly<Record<string, string>>,
  target: HttpTarget,
): void {
  for (const given in extra) {
    const value = extra[given];
    const name = given.toLowerCase();
    if (value === undefined || NEVER_FORWARDED.has(name) || name.startsWith('mcp-')) continue;
    if (target.configuredNames.has(name) || !/^[a-z0-9-]{1,64}$/.test(name)) continue;
    if (/^[\t\x20-\x7e]{0,8192}$/.test(value)) headers.push(name, value);
  }
}

/** The configured headers: last, so that they win. */
export function pushConfigured(headers: string[], target: HttpTarget): void {
  for (const part of target.configured) headers.push(part);
}
