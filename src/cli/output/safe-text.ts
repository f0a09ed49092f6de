/**
 * Text of others (tool names, descriptions, owners) as one printable line: control characters, terminal escapes,
 * invisible and bidirectional characters are shown as `\u{…}`, and what is longer than `max` is cut.
 */
export function safeText(text: string, max = 300): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return cut
    .toWellFormed()
    .replace(
      /[\p{Cc}\p{Cf}\p{Co}\u2028\u2029\u115f\u1160\u3164\uffa0]/gu,
      (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
    );
}
