import { AppError } from './errors/app-error.ts';
import { MAX_CANONICAL_LENGTH, MAX_JSON_DEPTH } from './limits.ts';

/** Strings without a character that JSON must escape and without surrogates: quoting is enough. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/** Keeps a hostile key out of logs at full length. */
const SHOWN_PATH_LENGTH = 120;

/**
 * JSON Canonicalization Scheme (RFC 8785): no white space, keys sorted by UTF-16 code units
 * (section 3.2.3), numbers as ECMAScript prints them (3.2.2.3), strings with the shortest escapes.
 *
 * Beyond the RFC, `bigint` is written as its exact decimal integer, so values above 2^53 keep every
 * digit. Equal texts mean equal values: what JSON cannot carry is refused rather than dropped.
 *
 * @throws AppError `NOT_CANONICAL` for NaN, infinities, `undefined` (also as a property or a hole),
 * functions, symbols, lone surrogates, objects that are not plain (Date, Map, class instances),
 * nesting deeper than {@link MAX_JSON_DEPTH} (which includes cycles) and texts longer than
 * {@link MAX_CANONICAL_LENGTH}.
 */
export function canonicalJson(value: unknown): string {
  return write(value, [], 0);
}

function write(value: unknown, path: (string | number)[], depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value, path);
    case 'number':
      if (!Number.isFinite(value)) throw refused(path, `${value} is not a JSON number`);
      return String(value); // -0 prints as 0, as the RFC wants
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return value.toString();
    case 'object':
      if (value === null) return 'null';
      if (depth >= MAX_JSON_DEPTH)
        throw refused(path, `it is nested deeper than ${MAX_JSON_DEPTH}`);
      return Array.isArray(value)
        ? writeArray(value, path, depth)
        : writeObject(value, path, depth);
    default:
      throw refused(path, `${typeof value} has no JSON form`);
  }
}

function writeArray(value: readonly unknown[], path: (string | number)[], depth: number): string {
  let text = '[';
  for (let i = 0; i < value.length; i++) {
    path.push(i);
    const item = write(value[i], path, depth + 1);
    path.pop();
    text += i === 0 ? item : `,${item}`;
    if (text.length > MAX_CANONICAL_LENGTH) throw tooLong(path);
  }
  return `${text}]`;
}

function writeObject(value: object, path: (string | number)[], depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object of another realm (vm context, worker) has a prototype whose prototype is null.
  if (
    prototype !== null &&
    prototype !== Object.prototype &&
    Object.getPrototypeOf(prototype) !== null
  ) {
    throw refused(path, 'only plain objects have a JSON form');
  }
  let text = '{';
  for (const key of Object.keys(value).sort()) {
    path.push(key);
    const item = `${quote(key, path)}:${write((value as Record<string, unknown>)[key], path, depth + 1)}`;
    path.pop();
    text += text.length === 1 ? item : `,${item}`;
    if (text.length > MAX_CANONICAL_LENGTH) throw tooLong(path);
  }
  return `${text}}`;
}

function quote(text: string, path: readonly (string | number)[]): string {
  if (text.length > MAX_CANONICAL_LENGTH) throw tooLong(path);
  if (PLAIN.test(text)) return `"${text}"`;
  // I-JSON (RFC 7493 section 2.1), which RFC 8785 builds on, has no lone surrogates.
  if (!text.isWellFormed()) throw refused(path, 'the string has a lone surrogate');
  return JSON.stringify(text);
}

function tooLong(path: readonly (string | number)[]): AppError {
  return refused(path, `the text is longer than ${MAX_CANONICAL_LENGTH}`);
}

function refused(path: readonly (string | number)[], problem: string): AppError {
  const full = path.map((step) => `/${step}`).join('');
  const shown = full.length > SHOWN_PATH_LENGTH ? `${full.slice(0, SHOWN_PATH_LENGTH)}…` : full;
  return new AppError('NOT_CANONICAL', { params: { path: shown.toWellFormed() || '/', problem } });
}
