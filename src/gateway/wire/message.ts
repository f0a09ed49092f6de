import { err, ok, type Result } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';
import { CODES } from './codes.ts';
import { rawAsString, rawGet, rawItems, rawKind, rawString } from './raw-json.ts';
import { type ScanLimits, scanRoot } from './scan-json.ts';

export type Message =
  | {
      readonly kind: 'request';
      readonly id: RawJson;
      readonly method: string;
      readonly params: RawJson | undefined;
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: RawJson | undefined }
  /** Exactly one of `result` and `error`; `id` is `null` only beside an error. */
  | {
      readonly kind: 'response';
      readonly id: RawJson;
      readonly result?: RawJson;
      readonly error?: RawJson;
    };

export interface WireError {
  /** -32700 or -32600. */
  readonly code: number;
  readonly problem: string;
  /** Of the faulty message, when it could be read and is usable in an answer. */
  readonly id: RawJson | undefined;
}

const MAX_ID_LENGTH = 512;
const MAX_METHOD_LENGTH = 256;

/**
 * One JSON-RPC 2.0 message in one strict scan. MCP's narrowing applies: request ids are strings or integers, `params` is
 * an object, and so is `result`. Members JSON-RPC does not know are ignored.
 */
export function parseMessage(text: string, limits?: ScanLimits): Result<Message, WireError> {
  const scanned = scanRoot(text, limits);
  if (!scanned.ok) {
    const { kind, problem, offset } = scanned.error;
    const code = kind === 'duplicate' ? CODES.invalidRequest : CODES.parseError;
    return err({ code, problem: `${problem} (at ${offset})`, id: undefined });
  }
  if (rawKind(scanned.value.raw) !== 'object')
    return invalid('a message must be an object', undefined);
  const parts: Parts = {};
  for (const { key, start, end } of scanned.value.members) {
    if (isPart(key)) parts[key] = text.slice(start, end) as RawJson;
  }
  return shape(parts);
}

/** A batch (2025-03-26 only): at least one and at most `maxCount` messages, judged one by one. */
export function parseBatch(
  text: string,
  limits?: ScanLimits & { readonly maxCount?: number },
): Result<Array<Result<Message, WireError>>, WireError> {
  const scanned = scanRoot(text, limits);
  if (!scanned.ok) {
    const code = scanned.error.kind === 'duplicate' ? CODES.invalidRequest : CODES.parseError;
    return err({ code, problem: scanned.error.problem, id: undefined });
  }
  const items = rawItems(scanned.value.raw);
  if (items === undefined) return invalid('a batch must be an array', undefined);
  if (items.length === 0) return invalid('a batch must not be empty', undefined);
  if (items.length > (limits?.maxCount ?? 64))
    return invalid('the batch holds too many messages', undefined);
  return ok(items.map((item) => parseMessage(item, limits)));
}

/** True when the first significant character opens an array. */
export function looksLikeBatch(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code === 0x5b;
  }
  return false;
}

type Part = 'jsonrpc' | 'id' | 'method' | 'params' | 'result' | 'error';
type Parts = Partial<Record<Part, RawJson>>;

function isPart(key: string): key is Part {
  return (
    key === 'jsonrpc' ||
    key === 'id' ||
    key === 'method' ||
    key === 'params' ||
    key === 'result' ||
    key === 'error'
  );
}

function shape(parts: Parts): Result<Message, WireError> {
  const { id, method, params, result, error } = parts;
  const usableId = id !== undefined && isId(id) ? id : undefined;
  if (parts.jsonrpc === undefined || rawAsString(parts.jsonrpc) !== '2.0') {
    return invalid('"jsonrpc" must be "2.0"', usableId);
  }
  if (method === undefined) return response(id, usableId, result, error);
  if (result !== undefined || error !== undefined) {
    return invalid('a message is a request or a response, not both', usableId);
  }
  const name = rawAsString(method);
  if (name === undefined || name === '' || name.length > MAX_METHOD_LENGTH) {
    return invalid('"method" must be a short string', usableId);
  }
  if (params !== undefined && rawKind(params) !== 'object')
    return invalid('"params" must be an object', usableId);
  if (id === undefined) return ok({ kind: 'notification', method: name, params });
  if (usableId === undefined) return invalid('"id" must be a string or an integer', undefined);
  return ok({ kind: 'request', id, method: name, params });
}

function response(
  id: RawJson | undefined,
  usableId: RawJson | undefined,
  result: RawJson | undefined,
  error: RawJson | undefined,
): Result<Message, WireError> {
  if (result !== undefined && error === undefined) {
    if (usableId === undefined) return invalid('a result needs the id of its request', undefined);
    // Narrower than JSON-RPC: in every revision of MCP a result is an object, and what reads it relies on that.
    if (rawKind(result) !== 'object') return invalid('"result" must be an object', usableId);
    return ok({ kind: 'response', id: usableId, result });
  }
  if (error === undefined || result !== undefined) return invalid('"method" is missing', usableId);
  if (usableId === undefined && id !== undefined && id !== 'null') {
    return invalid('"id" must be a string or an integer', undefined);
  }
  const code = rawGet(error, 'code');
  const message = rawGet(error, 'message');
  const wellFormed =
    code !== undefined &&
    rawKind(code) === 'number' &&
    Number.isInteger(Number(code)) &&
    message !== undefined &&
    rawKind(message) === 'string';
  if (!wellFormed) return invalid('"error" needs an integer code and a message', usableId);
  return ok({ kind: 'response', id: usableId ?? ('null' as RawJson), error });
}

function isId(raw: RawJson): boolean {
  if (raw.length > MAX_ID_LENGTH) return false;
  const kind = rawKind(raw);
  return kind === 'string' || (kind === 'number' && Number.isInteger(Number(raw)));
}

function invalid(problem: string, id: RawJson | undefined): Result<never, WireError> {
  return err({ code: CODES.invalidRequest, problem, id });
}

/** A number or plain string id is encoded; a `RawJson` id (as `parseMessage` gave it) is spliced. */
export function encodeRequest(id: RawJson | number, method: string, params?: RawJson): string {
  return `{"jsonrpc":"2.0","id":${id},"method":${rawString(method)}${params === undefined ? '' : `,"params":${params}`}}`;
}

export function encodeNotification(method: string, params?: RawJson): string {
  return `{"jsonrpc":"2.0","method":${rawString(method)}${params === undefined ? '' : `,"params":${params}`}}`;
}

export function encodeResult(id: RawJson | number, result: RawJson): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
}

/** `id` null: the request's id could not be read (JSON-RPC 2.0 section 5). */
export function encodeError(
  id: RawJson | number | null,
  code: number,
  message: string,
  data?: RawJson,
): string {
  const tail = data === undefined ? '' : `,"data":${data}`;
  return `{"jsonrpc":"2.0","id":${id ?? 'null'},"error":{"code":${code},"message":${rawString(message)}${tail}}}`;
}
