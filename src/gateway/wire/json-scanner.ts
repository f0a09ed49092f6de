/** Why a text is not acceptable JSON. `duplicate` is a shape problem (-32600), the others are parse errors (-32700). */
export type ScanProblemKind = 'syntax' | 'duplicate' | 'surrogate' | 'limit';

export class ScanFailure {
  readonly kind: ScanProblemKind;
  readonly problem: string;
  readonly offset: number;
  constructor(kind: ScanProblemKind, problem: string, offset: number) {
    this.kind = kind;
    this.problem = problem;
    this.offset = offset;
  }
}

export interface RootMember {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Longer numbers are legal JSON but only useful to slow a parser down (RFC 8259 section 6 allows the limit). */
const MAX_NUMBER_LENGTH = 512;
/** Up to this many keys a linear look is cheaper than a Set. */
const SMALL_OBJECT = 12;

/**
 * One strict pass over a text. Throws `ScanFailure` inside; only `raw-json.ts` and `message.ts` use it, and both catch.
 * A class because one scan is one short-lived piece of state and the fields stay monomorphic.
 */
export class JsonScanner {
  readonly text: string;
  readonly maxDepth: number;
  pos = 0;
  /** Filled with the members of the root object. */
  readonly root: RootMember[] = [];
  private readonly keys: string[] = [];
  /** Values that may still come. */
  private left: number;

  constructor(text: string, maxDepth: number, maxValues: number) {
    this.text = text;
    this.maxDepth = maxDepth;
    this.left = maxValues;
  }

  fail(kind: ScanProblemKind, problem: string, offset = this.pos): never {
    throw new ScanFailure(kind, problem, offset);
  }

  skipSpace(): void {
    const text = this.text;
    let pos = this.pos;
    for (;;) {
      const code = text.charCodeAt(pos);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
      pos++;
    }
    this.pos = pos;
  }

  value(depth: number): void {
    if (--this.left < 0) this.fail('limit', 'too many values');
    const code = this.text.charCodeAt(this.pos);
    if (code === QUOTE) this.string();
    else if (code === OPEN_BRACE) this.object(depth + 1);
    else if (code === OPEN_BRACKET) this.array(depth + 1);
    else if (code === MINUS || (code >= ZERO && code <= NINE)) this.number();
    else if (code === 0x74) this.word('true');
    else if (code === 0x66) this.word('false');
    else if (code === 0x6e) this.word('null');
    else
      this.fail('syntax', Number.isNaN(code) ? 'the text ends too early' : 'unexpected character');
  }

  private word(word: string): void {
    if (!this.text.startsWith(word, this.pos)) this.fail('syntax', 'unexpected character');
    this.pos += word.length;
  }

  private object(depth: number): void {
    if (depth > this.maxDepth) this.fail('limit', 'nested too deeply');
    const text = this.text;
    const keys = this.keys;
    const base = keys.length;
    let set: Set<string> | undefined;
    this.pos++;
    this.skipSpace();
    if (text.charCodeAt(this.pos) === CLOSE_BRACE) {
      this.pos++;
      return;
    }
    for (;;) {
      const keyStart = this.pos;
      if (text.charCodeAt(keyStart) !== QUOTE)
        this.fail('syntax', 'a member name must be a string');
      const escaped = this.string();
      const key = escaped
        ? (JSON.parse(text.slice(keyStart, this.pos)) as string)
        : text.slice(keyStart + 1, this.pos - 1);
      if (set !== undefined) {
        if (set.has(key)) this.fail('duplicate', 'a member name appears twice', keyStart);
        set.add(key);
      } else {
        for (let i = base; i < keys.length; i++) {
          if (keys[i] === key) this.fail('duplicate', 'a member name appears twice', keyStart);
        }
        keys.push(key);
        if (keys.length - base > SMALL_OBJECT) set = new Set(keys.slice(base));
      }
      this.skipSpace();
      if (text.charCodeAt(this.pos) !== COLON) this.fail('syntax', 'a colon is missing');
      this.pos++;
      this.skipSpace();
      const start = this.pos;
      this.value(depth);
      if (depth === 1) this.root.push({ key, start, end: this.pos });
      this.skipSpace();
      const code = text.charCodeAt(this.pos);
      if (code === COMMA) {
        this.pos++;
        this.skipSpace();
      } else if (code === CLOSE_BRACE) {
        this.pos++;
        keys.length = base;
        return;
      } else this.fail('syntax', 'a comma or closing brace is missing');
    }
  }

  private array(depth: number): void {
    if (depth > this.maxDepth) this.fail('limit', 'nested too deeply');
    this.pos++;
    this.skipSpace();
    if (this.text.charCodeAt(this.pos) === CLOSE_BRACKET) {
      this.pos++;
      return;
    }
    for (;;) {
      this.value(depth);
      this.skipSpace();
      const code = this.text.charCodeAt(this.pos);
      if (code === COMMA) {
        this.pos++;
        this.skipSpace();
      } else if (code === CLOSE_BRACKET) {
        this.pos++;
        return;
      } else this.fail('syntax', 'a comma or closing bracket is missing');
    }
  }

  /** True when the string holds an escape. Raw lone surrogates were excluded before the scan. */
  private string(): boolean {
    const text = this.text;
    let pos = this.pos + 1;
    let escaped = false;
    for (;;) {
      const code = text.charCodeAt(pos);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        escaped = true;
        pos = this.escape(pos);
      } else if (code >= 0x20) pos++;
      else if (Number.isNaN(code)) this.fail('syntax', 'a string is not closed', text.length);
      else this.fail('syntax', 'a control character in a string', pos);
    }
    this.pos = pos + 1;
    return escaped;
  }

  /** Takes the offset of a backslash, returns the offset after the escape. */
  private escape(pos: number): number {
    const code = this.text.charCodeAt(pos + 1);
    if (code !== 0x75) {
      // " \ / b f n r t
      const simple =
        code === QUOTE ||
        code === BACKSLASH ||
        code === 0x2f ||
        code === 0x62 ||
        code === 0x66 ||
        code === 0x6e ||
        code === 0x72 ||
        code === 0x74;
      if (!simple) this.fail('syntax', 'an unknown escape', pos);
      return pos + 2;
    }
    const unit = this.hex4(pos + 2);
    if (unit < 0xd800 || unit > 0xdfff) return pos + 6;
    const paired =
      unit <= 0xdbff &&
      this.text.charCodeAt(pos + 6) === BACKSLASH &&
      this.text.charCodeAt(pos + 7) === 0x75;
    if (!paired) this.fail('surrogate', 'a lone surrogate', pos);
    const low = this.hex4(pos + 8);
    if (low < 0xdc00 || low > 0xdfff) this.fail('surrogate', 'a lone surrogate', pos);
    return pos + 12;
  }

  private hex4(pos: number): number {
    let value = 0;
    for (let i = pos; i < pos + 4; i++) {
      const code = this.text.charCodeAt(i);
      const lower = code | 0x20;
      if (code >= ZERO && code <= NINE) value = value * 16 + code - ZERO;
      else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
      else this.fail('syntax', 'an escape needs four hexadecimal digits', pos);
    }
    return value;
  }

  private digits(pos: number): number {
    const start = pos;
    for (;;) {
      const code = this.text.charCodeAt(pos);
      if (!(code >= ZERO && code <= NINE)) break;
      pos++;
    }
    if (pos === start) this.fail('syntax', 'a digit is missing', pos);
    return pos;
  }

  private number(): void {
    const text = this.text;
    const start = this.pos;
    let pos = start;
    if (text.charCodeAt(pos) === MINUS) pos++;
    if (text.charCodeAt(pos) === ZERO) pos++;
    else pos = this.digits(pos);
    let exponent = false;
    if (text.charCodeAt(pos) === DOT) pos = this.digits(pos + 1);
    if ((text.charCodeAt(pos) | 0x20) === 0x65) {
      exponent = true;
      pos++;
      const sign = text.charCodeAt(pos);
      if (sign === MINUS || sign === 0x2b) pos++;
      pos = this.digits(pos);
    }
    if (pos - start > MAX_NUMBER_LENGTH) this.fail('limit', 'a number is too long', start);
    // What overflows a double would mean different things to different parsers.
    if ((exponent || pos - start > 300) && !Number.isFinite(Number(text.slice(start, pos)))) {
      this.fail('limit', 'a number is out of range', start);
    }
    this.pos = pos;
  }
}
