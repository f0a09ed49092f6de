/** One policy's text where it stands in its file. */
export interface PolicyText {
  /** From its annotations (and the comments before them) to its semicolon. */
  readonly text: string;
  /** UTF-16 offset of `text` in the file. */
  readonly offset: number;
}

/**
 * Cuts a file into policies at the semicolons outside strings, comments and brackets. Linear, and tolerant: what does
 * not parse is cut all the same, so that the parser can say what is wrong with just that piece. A rest without a
 * semicolon is a piece of its own.
 */
export function splitPolicies(file: string): PolicyText[] {
  const pieces: PolicyText[] = [];
  let depth = 0;
  let from = 0;
  let hasCode = false;
  let at = 0;
  const cut = (end: number): void => {
    if (hasCode) pieces.push(trimmed(file, from, end));
    from = end;
    hasCode = false;
    depth = 0;
  };
  while (at < file.length) {
    const char = file.charAt(at);
    if (char === '"') {
      hasCode = true;
      at = stringEnd(file, at + 1);
      continue;
    }
    if (char === '/' && file.charAt(at + 1) === '/') {
      const end = file.indexOf('\n', at);
      at = end < 0 ? file.length : end;
      continue;
    }
    if (char === '(' || char === '{' || char === '[') depth++;
    else if (char === ')' || char === '}' || char === ']') depth = Math.max(0, depth - 1);
    if (char.trim() !== '') hasCode = true;
    at++;
    // A line that starts a policy inside an unclosed bracket means that the bracket was forgotten: without this cut
    // the complaint would be about the last line of the file.
    if (char === ';' && (depth === 0 || startsPolicy(file, at))) cut(at);
  }
  cut(file.length);
  return pieces;
}

function startsPolicy(file: string, at: number): boolean {
  return /^[ \t]*\r?\n\s*(?:@[A-Za-z]|(?:permit|forbid)\s*\()/.test(file.slice(at, at + 200));
}

function trimmed(file: string, from: number, end: number): PolicyText {
  const raw = file.slice(from, end);
  const text = raw.trimStart();
  return { text: text.trimEnd(), offset: from + raw.length - text.length };
}

function stringEnd(file: string, from: number): number {
  let at = from;
  while (at < file.length && file.charAt(at) !== '"') at += file.charAt(at) === '\\' ? 2 : 1;
  return Math.min(at + 1, file.length);
}
