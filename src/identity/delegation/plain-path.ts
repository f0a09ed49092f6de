// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const ODD = /[\\%\u0000-\u001f\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
const ASCII = /^[\u0000-\u007f]*$/;
const SCHEME = /^[a-z][a-z0-9+.-]{0,31}:\/\//;
const ONLY_DOTS = /^[. ]+$/;

/**
 * True for a text that every reader takes for the same path, so that comparing it as text is right: no `.` and `..`
 * segment in any spelling (`...`, `.. `, `..;x`), no backslash, `%`, NUL or other control character anywhere, no empty
 * segment but the first and the last (and the one of `scheme://`), and nothing that Unicode compatibility normalisation
 * would turn into another text (a full-width dot). Upper and lower case are different. The whole value is looked at,
 * never only what follows a prefix.
 */
export function isPlainPath(value: string): boolean {
  if (ODD.test(value)) return false;
  if (!ASCII.test(value) && (!value.isWellFormed() || value.normalize('NFKC') !== value))
    return false;
  const scheme = SCHEME.exec(value)?.[0].length ?? 0;
  let from = scheme;
  for (;;) {
    const slash = value.indexOf('/', from);
    const end = slash < 0 ? value.length : slash;
    const segment = value.slice(from, end);
    if (segment === '') {
      // Empty is the part before a leading slash and the part after a trailing one, nothing else.
      const leading = from === 0 && scheme === 0 && slash === 0;
      const trailing = slash < 0 && from > 0;
      if (!leading && !trailing && value !== '') return false;
    } else {
      const bare = segment.split(';', 1)[0] ?? '';
      if (ONLY_DOTS.test(bare)) return false;
    }
    if (slash < 0) return true;
    from = slash + 1;
  }
}
