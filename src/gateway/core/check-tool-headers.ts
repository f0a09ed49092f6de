import type { CatalogueItem, Era, RawJson, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import {
  checkParamHeaders,
  type ParamHeader,
  paramHeadersFor,
  readParamHeaders,
} from '../wire/param-headers.ts';
import { rawGet } from '../wire/raw-json.ts';

type Headers = Readonly<Record<string, string>>;

export type ToolHeaders =
  | { readonly ok: true; readonly paramHeaders: Headers; readonly extraHeaders: Headers }
  | { readonly ok: false; readonly reply: Reply };

const NONE: Headers = Object.freeze({});
const PLAIN: ToolHeaders = { ok: true, paramHeaders: NONE, extraHeaders: NONE };
const specs = new WeakMap<CatalogueItem, readonly ParamHeader[] | 'invalid'>();

/** The tool's `x-mcp-header` declarations, read once per listed tool; `invalid` hides the tool (2026-07-28, headers). */
export function paramHeaderSpec(item: CatalogueItem): readonly ParamHeader[] | 'invalid' {
  let spec = specs.get(item);
  if (spec === undefined) {
    const read = readParamHeaders(item.raw);
    spec = read.ok ? read.value : 'invalid';
    specs.set(item, spec);
  }
  return spec;
}

/**
 * Holds the client's `Mcp-Param-*` headers against the arguments (-32020 on a difference) and builds the upstream's
 * from the arguments that will be evaluated. Unrecognised headers are forwarded, as the specification demands.
 */
export function checkToolHeaders(
  item: CatalogueItem,
  era: Era,
  headers: Headers,
  params: RawJson,
): ToolHeaders {
  const spec = paramHeaderSpec(item);
  if (spec === 'invalid') {
    return {
      ok: false,
      reply: {
        kind: 'error',
        status: 200,
        code: CODES.invalidParams,
        message: `Unknown tool: ${item.exposedName}`,
      },
    };
  }
  if (spec.length === 0)
    return era === 'legacy' ? PLAIN : { ok: true, paramHeaders: NONE, extraHeaders: headers };
  const args = rawGet(params, 'arguments');
  if (era === 'legacy')
    return { ok: true, paramHeaders: paramHeadersFor(spec, args), extraHeaders: NONE };
  const checked = checkParamHeaders(spec, headers, args);
  if (!checked.ok) {
    return {
      ok: false,
      reply: { kind: 'error', status: 400, code: CODES.headerMismatch, message: checked.error },
    };
  }
  const recognised = new Set(spec.map(({ header }) => header));
  const extra: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (!recognised.has(name)) extra[name] = value;
  return { ok: true, paramHeaders: paramHeadersFor(spec, args), extraHeaders: extra };
}
