/** Words that Cedar does not take as an identifier, and the root types a namespace must not shadow. */
const RESERVED = new Set([
  ...['if', 'then', 'else', 'in', 'is', 'like', 'has', 'true', 'false', 'permit', 'forbid'],
  ...[
    'when',
    'unless',
    'principal',
    'action',
    'resource',
    'context',
    'entity',
    'type',
    'namespace',
  ],
  ...['appliesTo', 'tags', 'enum', 'Set', 'String', 'Long', 'Bool', 'Boolean', 'Record', 'Entity'],
  ...['Extension', 'EntityOrCommon', 'ipaddr', 'decimal', 'datetime', 'duration', 'ip', 'Action'],
  ...['Agent', 'User', 'Group', 'Blueprint', 'Server', 'Tool', 'Resource', 'Prompt', 'Task'],
  ...['Session', 'PathView', 'UrlView', '__cedar'],
]);

const PLAIN = /^[A-Za-z][A-Za-z0-9_]*$/;
/** What reads as an escape, and the word that Cedar keeps for itself anywhere in a name. */
const ESCAPE = /_x[0-9a-f]+_|__cedar/;

/**
 * A Cedar identifier for any server name. Names that Cedar takes anyway stay as they are; every other character is
 * written `_x<hex code point>_`, and `_` itself where it would read as such an escape, so two names never meet.
 * `decodeName` undoes it.
 */
export function encodeName(name: string): string {
  if (PLAIN.test(name) && !RESERVED.has(name) && !ESCAPE.test(name)) return name;
  let out = '';
  for (const char of name.toWellFormed()) {
    const keep = out === '' ? /[A-Za-z]/.test(char) : /[A-Za-z0-9]/.test(char);
    out += keep && !(out === '' && RESERVED.has(name)) ? char : escaped(char);
  }
  // An identifier starts with a letter or `_`, and is never empty.
  return out === '' ? '_x_' : out;
}

/** The name that `encodeName` was given (lone surrogates excepted: they became U+FFFD). */
export function decodeName(identifier: string): string {
  if (identifier === '_x_') return '';
  return identifier.replace(/_x([0-9a-f]{1,6})_/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}

function escaped(char: string): string {
  return `_x${(char.codePointAt(0) ?? 0).toString(16)}_`;
}
