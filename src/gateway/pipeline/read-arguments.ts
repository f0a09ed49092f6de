import { canonicalJson, err, ok, type Result, sha256Hex } from '../../kernel/index.ts';
import type { JsonValue } from '../../policy/index.ts';
import type { RawJson } from '../model.ts';
import { parseRaw, rawGet, rawKind } from '../wire/raw-json.ts';

type Arguments = { readonly [key: string]: JsonValue };

const NONE = { args: undefined, digest: sha256Hex('{}') } as const;

/** Where each method keeps what policy reads as arguments. */
function argumentsOf(method: string, params: RawJson): RawJson | undefined {
  if (method === 'completion/complete') return rawGet(params, 'argument');
  return rawGet(params, 'arguments');
}

/**
 * The arguments as values (integers beyond 2^53 as bigint) and the SHA-256 (hex) of their RFC 8785 form, which later
 * binds approvals and sealed state to exactly these arguments.
 */
export function readArguments(
  method: string,
  params: RawJson | undefined,
): Result<{ readonly args: Arguments | undefined; readonly digest: string }, string> {
  if (params === undefined) return ok(NONE);
  const raw = argumentsOf(method, params);
  if (raw === undefined || raw === '{}')
    return ok(raw === undefined ? NONE : { args: {}, digest: NONE.digest });
  if (rawKind(raw) !== 'object') return err('the arguments are not an object.');
  const args = parseRaw(raw) as Arguments;
  return ok({ args, digest: sha256Hex(canonicalJson(args)) });
}
