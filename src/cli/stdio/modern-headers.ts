import type { MessageFacts } from './message-facts.ts';

const MARK = '=?base64?';
const MAX_TOOLS = 10_000;
const MAX_DEPTH = 16;

interface Declared {
  readonly header: string;
  readonly path: readonly string[];
}

/** `Mcp-Param-*` headers of tool calls, from the `x-mcp-header` declarations of the lists that passed by. */
export interface ParamHeaders {
  /** Takes note of the tools of a `tools/list` result. */
  learn(answer: string): void;
  of(facts: MessageFacts): Record<string, string>;
}

/** Headers that a modern message must repeat (2026-07-28, transports). */
export function modernHeaders(facts: MessageFacts, version: string): Record<string, string> {
  return {
    'mcp-protocol-version': version,
    ...(facts.method === undefined ? {} : { 'mcp-method': headerValue(facts.method) }),
    ...(facts.name === undefined ? {} : { 'mcp-name': headerValue(facts.name) }),
  };
}

/** Visible ASCII as it is; anything else, and what looks like the marker, as marked base64. */
export function headerValue(text: string): string {
  const isPlain = text === '' || /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/.test(text);
  if (isPlain && !(text.startsWith(MARK) && text.endsWith('?='))) return text;
  return `${MARK}${Buffer.from(text, 'utf8').toString('base64')}?=`;
}

export function createParamHeaders(): ParamHeaders {
  const tools = new Map<string, readonly Declared[]>();
  return {
    learn(answer) {
      if (!answer.includes('x-mcp-header')) return;
      let listed: unknown;
      try {
        listed = (JSON.parse(answer) as { result?: { tools?: unknown } }).result?.tools;
      } catch {
        return;
      }
      if (!Array.isArray(listed)) return;
      for (const tool of listed as { name?: unknown; inputSchema?: unknown }[]) {
        if (typeof tool?.name !== 'string' || tools.size >= MAX_TOOLS) continue;
        const found: Declared[] = [];
        declared(tool.inputSchema, [], found);
        tools.set(tool.name, found);
      }
    },
    of(facts) {
      const headers: Record<string, string> = {};
      for (const { header, path } of tools.get(facts.name ?? '') ?? []) {
        let value = facts.arguments;
        for (const step of path)
          value =
            typeof value === 'object' && value !== null && Object.hasOwn(value, step)
              ? (value as Record<string, unknown>)[step]
              : undefined;
        if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
          headers[header] = headerValue(String(value));
      }
      return headers;
    },
  };
}

function declared(schema: unknown, path: readonly string[], found: Declared[]): void {
  if (typeof schema !== 'object' || schema === null || path.length > MAX_DEPTH) return;
  const { properties, 'x-mcp-header': name } = schema as Record<string, unknown>;
  if (
    typeof name === 'string' &&
    path.length > 0 &&
    /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/.test(name)
  )
    found.push({ header: `mcp-param-${name.toLowerCase()}`, path });
  if (typeof properties !== 'object' || properties === null) return;
  for (const [key, inner] of Object.entries(properties)) declared(inner, [...path, key], found);
}
