/** What replaces a secret in logs and printed configuration. */
export const REDACTED = '[redacted]';

/** Redact whatever the name ends in: `authorizationHeader`, `passwordHint`, `setCookie`. */
const ANYWHERE = new Set([
  'authorization',
  'password',
  'passwd',
  'passphrase',
  'secret',
  'cookie',
  'cookies',
  'credential',
  'credentials',
]);
/** Redact only as the last word: `apiKey` and `accessToken`, but not `keyId` or `tokenCount`. */
const LAST = new Set([
  'token',
  'tokens',
  'key',
  'keys',
  'secrets',
  'passwords',
  'jwt',
  'bearer',
  'assertion',
  'pem',
]);

const MAX_DEPTH = 8;
const MAX_ITEMS = 200;
const MAX_STRING = 8192;
const MAX_CACHED_NAMES = 2048;
const MAX_NAME = 128;

const known = new Map<string, boolean>();

/** True when a property of that name may hold a secret. Case and `_`, `-`, camelCase do not matter. */
export function isSecretName(name: string): boolean {
  const cached = known.get(name);
  if (cached !== undefined) return cached;
  const words = name
    .slice(-MAX_NAME)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  const last = words.at(-1) ?? '';
  const secret =
    words.some((word) => ANYWHERE.has(word)) ||
    LAST.has(last) ||
    /(?:apikey|accesskey|privatekey|accesstoken|refreshtoken|idtoken)$/.test(last);
  if (known.size < MAX_CACHED_NAMES && name.length <= MAX_NAME) known.set(name, secret);
  return secret;
}

/**
 * A copy that is safe to log: values under secret names are replaced, errors become plain objects,
 * and depth, item count and string length are bounded. Never throws, also for getters that do.
 */
export function redactForLog(value: unknown): unknown {
  return copy(value, 0);
}

/** Replaces bearer credentials and compact JWTs inside free text, such as messages and stacks. */
export function redactText(text: string): string {
  return (
    text
      .replace(/\b(bearer|basic|dpop) +[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`)
      // The look-behind leaves one start per run of token characters, which keeps this linear.
      .replace(/(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]*/g, REDACTED)
  );
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value === 'string')
    return value.length > MAX_STRING ? `${value.slice(0, MAX_STRING)}…` : value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  try {
    if (value instanceof Error) return copyError(value, depth);
    if (value instanceof Date)
      return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString();
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (Array.isArray(value)) {
      const items: unknown[] = value.slice(0, MAX_ITEMS).map((item) => copy(item, depth + 1));
      if (value.length > MAX_ITEMS) items.push(`[${value.length - MAX_ITEMS} more]`);
      return items;
    }
    return copyObject(value, depth);
  } catch {
    return '[unreadable]';
  }
}

function copyObject(value: object, depth: number): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  for (const key of Object.keys(value)) {
    if (entries.length >= MAX_ITEMS) {
      entries.push(['…', 'more']);
      break;
    }
    const inner: unknown = (value as Record<string, unknown>)[key];
    const hide =
      isSecretName(key) && inner !== null && inner !== undefined && typeof inner !== 'boolean';
    entries.push([key, hide ? REDACTED : copy(inner, depth + 1)]);
  }
  return Object.fromEntries(entries); // defines `__proto__` as a property instead of setting it
}

function copyError(error: Error, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {
    type: error.name,
    message: copy(error.message, depth),
    stack: copy(error.stack, depth),
  };
  const { code, meta, cause } = error as Error & { code?: unknown; meta?: unknown };
  if (code !== undefined) out['code'] = copy(code, depth + 1);
  if (meta !== undefined) out['meta'] = copy(meta, depth + 1);
  if (cause !== undefined) out['cause'] = copy(cause, depth + 1);
  return out;
}
