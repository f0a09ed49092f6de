import type { JsonId } from './message-facts.ts';

/** JSON text on one line. Line ends inside valid JSON can only be blanks between tokens. */
export function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, ' ') : json;
}

/** What the shim itself answers a request with; `kind` tells programs which of its few reasons it was. */
export function shimError(
  id: JsonId,
  message: string,
  kind: 'unreachable' | 'no_token' | 'lost' | 'too_large' | 'refused' | 'busy' | 'parse',
): string {
  const code = kind === 'parse' ? -32700 : kind === 'too_large' ? -32600 : -32000;
  return JSON.stringify({
    jsonrpc: '2.0',
    id,
    error: { code, message, data: { source: 'sallyport stdio', kind } },
  });
}

/** Id of a response; undefined for a request, a notification or something that is no JSON. */
export function answeredId(json: string): string | undefined {
  try {
    const message = JSON.parse(json) as { id?: unknown; method?: unknown };
    if (message.method !== undefined || message.id === undefined) return undefined;
    return JSON.stringify(message.id);
  } catch {
    return undefined;
  }
}

/** The JSON-RPC error in the body of a refusal, under the id of the request it answers. */
export function errorFor(id: JsonId, body: string): string | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
    return JSON.stringify({ jsonrpc: '2.0', id, error });
  } catch {
    return undefined;
  }
}
