import { err, ok, type Result } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';
import { decodeHeaderValue } from '../wire/header-value.ts';
import { rawAsString, rawGet } from '../wire/raw-json.ts';
import type { Head } from './head.ts';

/** Which parameter `Mcp-Name` repeats. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(
  Object.create(null) as Record<string, string>,
);

/**
 * Compares the modern standard headers with the body (2026-07-28, transports; the body is the truth) and decodes
 * `Mcp-Param-*`. The error is a -32020 problem that repeats nothing of either.
 */
export function checkModernHeaders(
  head: Head,
  bodyVersion: string | undefined,
  method: string,
  params: RawJson | undefined,
  kind: 'request' | 'notification',
): Result<Readonly<Record<string, string>>, string> {
  if (head.version === undefined) return err('the MCP-Protocol-Version header is missing');
  if (bodyVersion !== undefined && head.version !== bodyVersion) {
    return err('the MCP-Protocol-Version header differs from params._meta');
  }
  if (head.mcpMethod === undefined && kind === 'request')
    return err('the Mcp-Method header is missing');
  if (head.mcpMethod !== undefined && head.mcpMethod !== method)
    return err('the Mcp-Method header differs from the body');
  const problem = checkName(head.mcpName, NAMED.get(method), params);
  if (problem !== undefined) return err(problem);
  if (head.params === undefined) return ok(NO_PARAMS);
  const decoded = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(head.params)) {
    const value = decodeHeaderValue(head.params[name] ?? '');
    if (value === undefined) return err('an Mcp-Param header is malformed');
    decoded[name] = value;
  }
  return ok(decoded);
}

function checkName(
  header: string | undefined,
  key: string | undefined,
  params: RawJson | undefined,
): string | undefined {
  if (key === undefined) return undefined;
  const raw = params === undefined ? undefined : rawGet(params, key);
  const inBody = raw === undefined ? undefined : rawAsString(raw);
  if (header === undefined)
    return inBody === undefined ? undefined : 'the Mcp-Name header is missing';
  const name = decodeHeaderValue(header);
  if (name === undefined) return 'the Mcp-Name header is malformed';
  return name === inBody ? undefined : 'the Mcp-Name header differs from the body';
}
