import { AppError, KIB, MAX_JSON_DEPTH } from '../../kernel/index.ts';

export const MAX_BODY_BYTES = 512 * KIB;

/** A JSON body within bounds; integers beyond 2^53 as bigint, so that policy sees what was sent. */
export async function readJson(request: Request): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\b/i.test(type)) throw invalid('send application/json');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES)
      throw new AppError('API_BODY_TOO_LARGE', { params: { limit: MAX_BODY_BYTES } });
    chunks.push(chunk);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw invalid('the body is not UTF-8');
  }
  if (depthOf(text) > MAX_JSON_DEPTH) throw invalid('the body is nested too deep');
  try {
    return JSON.parse(text, exact);
  } catch {
    throw invalid('the body is not JSON');
  }
}

function exact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined)
    return value;
  return /^-?\d{1,400}$/.test(source) ? BigInt(source) : value;
}

/** Deepest nesting of brackets outside strings. */
function depthOf(text: string): number {
  let [depth, deepest, inString] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (inString) {
      if (char === 0x5c) at++;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) inString = true;
    else if (char === 0x7b || char === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (char === 0x7d || char === 0x5d) depth--;
  }
  return deepest;
}

export function invalid(problem: string): AppError {
  return new AppError('API_INVALID', { params: { problem } });
}
