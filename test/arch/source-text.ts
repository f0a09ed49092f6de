/**
 * Enough of a TypeScript lexer to read source without being fooled by comments, strings, templates
 * and regular expressions. TypeScript 7 has no compiler API in JavaScript, hence by hand.
 */

/**
 * The same text with comments and the insides of strings, templates and regular expressions turned
 * into spaces; quotes and line ends stay, so offsets and lines agree with the original.
 */
export function maskSource(text: string): string {
  const out = [...Array(text.length).keys()].map((i) => text.charAt(i));
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i++) if (out[i] !== '\n') out[i] = ' ';
  };
  /** Depth of braces at which each open `${` ends. */
  const templates: number[] = [];
  let braces = 0;
  let at = 0;
  let previous = '';
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '/' && text[at + 1] === '/') {
      const end = indexOr(text, '\n', at);
      blank(at, end);
      at = end;
    } else if (char === '/' && text[at + 1] === '*') {
      const end = indexOr(text, '*/', at + 2) + 2;
      blank(at, end);
      at = end;
    } else if (char === "'" || char === '"') {
      const end = endOfString(text, at + 1, char);
      blank(at + 1, end);
      at = end + 1;
      previous = char;
    } else if (char === '`' || (char === '}' && templates.at(-1) === braces)) {
      if (char === '}') templates.pop();
      const end = endOfTemplate(text, at + 1);
      blank(at + 1, end);
      if (text.startsWith('${', end)) {
        blank(end, end + 2);
        if (char === '}') blank(at, at + 1);
        templates.push(braces);
        at = end + 2;
        previous = '(';
      } else {
        if (char === '}') blank(at, at + 1);
        at = end + 1;
        previous = '`';
      }
    } else if (char === '/' && startsRegExp(text, at, previous)) {
      const end = endOfRegExp(text, at + 1);
      blank(at + 1, end);
      at = end + 1;
      previous = '/';
    } else {
      if (char === '{') braces++;
      if (char === '}') braces--;
      if (!/\s/.test(char)) previous = char;
      at++;
    }
  }
  return out.join('');
}

export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

function startsRegExp(text: string, at: number, previous: string): boolean {
  if (previous === '' || '(,=:[!&|?{};+-*%~^<>'.includes(previous)) return true;
  const word = /([A-Za-z_$][\w$]*)\s*$/.exec(text.slice(Math.max(0, at - 40), at))?.[1];
  return (
    word !== undefined &&
    /^(return|typeof|case|in|of|do|else|void|delete|throw|await|yield)$/.test(word)
  );
}

function endOfString(text: string, from: number, quote: string): number {
  let i = from;
  while (i < text.length && text[i] !== quote && text[i] !== '\n') i += text[i] === '\\' ? 2 : 1;
  return i;
}

function endOfTemplate(text: string, from: number): number {
  let i = from;
  while (i < text.length && text[i] !== '`' && !text.startsWith('${', i))
    i += text[i] === '\\' ? 2 : 1;
  return i;
}

function endOfRegExp(text: string, from: number): number {
  let inClass = false;
  let i = from;
  for (; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '[') inClass = true;
    else if (text[i] === ']') inClass = false;
    else if (text[i] === '/' && !inClass) break;
  }
  return i;
}

function indexOr(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found;
}
