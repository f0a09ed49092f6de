/** A literal that Cedar's JSON form would silently round. */
export interface UnsafeInteger {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/**
 * Integer literals of Cedar text beyond ±(2^53 − 1). Strings and comments are skipped. Linear. Tolerates text that
 * does not parse: the parser reports that later.
 */
export function lexUnsafeIntegers(text: string): UnsafeInteger[] {
  const found: UnsafeInteger[] = [];
  let line = 1;
  let lineStart = 0;
  let counted = 0;
  scan(text, (start, end) => {
    const digits = text.slice(start, end).replace(/^0+/, '');
    if (digits.length < 16 || (digits.length === 16 && digits <= '9007199254740991')) return;
    for (let i = counted; i < start; i++) {
      if (text.charCodeAt(i) === 10) {
        line++;
        lineStart = i + 1;
      }
    }
    counted = start;
    found.push({
      text: text.slice(start, Math.min(end, start + 40)),
      line,
      column: start - lineStart + 1,
    });
  });
  return found;
}

/**
 * The deepest nesting of brackets outside strings and comments, with runs of `!` and `-` counted as well: the parser
 * recurses on all of them, and a deep text destroys the wasm instance it runs in.
 */
export function maxNesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  let prefix = 0;
  scan(
    text,
    () => {
      prefix = 0;
    },
    (char) => {
      if (char === '(' || char === '[' || char === '{') depth++;
      else if (char === ')' || char === ']' || char === '}') depth = Math.max(0, depth - 1);
      if (char === '!' || char === '-') prefix++;
      else if (char.trim() !== '') prefix = 0;
      deepest = Math.max(deepest, depth + prefix);
    },
  );
  return deepest;
}

/** Calls back for every run of digits that is no part of a name, and for every other character of the code. */
function scan(
  text: string,
  onDigits: (start: number, end: number) => void,
  onOther: (char: string) => void = () => {},
): void {
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '"') {
      at = skipString(text, at + 1);
    } else if (char === '/' && text.charAt(at + 1) === '/') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (isNameStart(char)) {
      const start = at;
      while (at < text.length && (isNameStart(text.charAt(at)) || isDigit(text.charAt(at)))) at++;
      onOther(text.charAt(start));
    } else if (isDigit(char)) {
      const start = at;
      while (at < text.length && isDigit(text.charAt(at))) at++;
      onDigits(start, at);
    } else {
      onOther(char);
      at++;
    }
  }
}

function skipString(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1;
  return at + 1;
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9';
}

function isNameStart(char: string): boolean {
  return (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z') || char === '_';
}
