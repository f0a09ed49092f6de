import { AppError } from '../kernel/index.ts';

const MAX_STATEMENT_LENGTH = 256 * 1024;

export interface Statement {
  /** Text between the placeholders; one longer than their number. */
  readonly parts: readonly string[];
  readonly parameters: number;
}

/**
 * Reads just enough SQL to find placeholders outside of strings, quoted names and comments.
 * Only plain `?` is accepted, so that a driver can never count differently than we do.
 *
 * @throws AppError `STORE_BAD_STATEMENT`
 */
export function readStatement(sql: string): Statement {
  const parts: string[] = [];
  let start = 0;
  let ended = false;
  for (const token of tokens(sql)) {
    if (token.kind === 'blank') continue;
    if (ended) throw bad('it holds more than one statement');
    if (token.kind === 'end') ended = true;
    else if (token.kind === 'placeholder') {
      if (token.to - token.from > 1) throw bad('placeholders are a plain ?');
      parts.push(sql.slice(start, token.from));
      start = token.to;
    }
  }
  parts.push(sql.slice(start));
  return { parts, parameters: parts.length - 1 };
}

/** The first words of the statements of a script, in lower case. */
export function firstWords(sql: string): string[] {
  const words: string[] = [];
  let fresh = true;
  for (const token of tokens(sql)) {
    if (token.kind === 'blank') continue;
    if (token.kind === 'end') fresh = true;
    else if (fresh) {
      words.push(sql.slice(token.from, token.to).toLowerCase());
      fresh = false;
    }
  }
  return words;
}

interface Token {
  readonly kind: 'blank' | 'word' | 'quoted' | 'placeholder' | 'end' | 'other';
  readonly from: number;
  readonly to: number;
}

function* tokens(sql: string): Generator<Token> {
  if (typeof sql !== 'string') throw bad('it is not text');
  if (sql.length > MAX_STATEMENT_LENGTH) throw bad('it is too long');
  if (sql.includes('\0')) throw bad('it contains U+0000');
  let at = 0;
  while (at < sql.length) {
    const from = at;
    const rest = sql.charAt(at);
    let kind: Token['kind'] = 'other';
    if (/\s/.test(rest)) {
      kind = 'blank';
      at++;
    } else if (sql.startsWith('--', at)) {
      kind = 'blank';
      const end = sql.indexOf('\n', at);
      at = end === -1 ? sql.length : end + 1;
    } else if (sql.startsWith('/*', at)) {
      kind = 'blank';
      at = after(sql, '*/', at + 2);
    } else if (rest === "'" || rest === '"' || rest === '`') {
      kind = 'quoted';
      at = after(sql, rest, at + 1); // a doubled quote reads as two neighbouring strings: the same end
    } else if (rest === '[') {
      throw bad('names are quoted by "');
    } else if (/[\w\u0080-\uffff]/.test(rest)) {
      kind = 'word';
      at = run(sql, at);
    } else if (rest === '?' || rest === ':' || rest === '@' || rest === '$' || rest === '#') {
      kind = 'placeholder';
      at = run(sql, at + 1);
      // `::` is a cast of PostgreSQL; SQLite would read a named placeholder in it.
      if (rest !== '?') throw bad('placeholders are a plain ?');
    } else {
      kind = rest === ';' ? 'end' : 'other';
      at++;
    }
    yield { kind, from, to: at };
  }
}

function run(sql: string, from: number): number {
  let at = from;
  while (at < sql.length && /[\w$\u0080-\uffff]/.test(sql.charAt(at))) at++;
  return at;
}

function after(sql: string, mark: string, from: number): number {
  const end = sql.indexOf(mark, from);
  if (end === -1) throw bad('a string, name or comment is not closed');
  return end + mark.length;
}

function bad(problem: string): AppError {
  return new AppError('STORE_BAD_STATEMENT', { params: { problem } });
}
