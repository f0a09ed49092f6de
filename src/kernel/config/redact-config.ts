import { isSecretName, REDACTED } from '../redact.ts';

/**
 * A copy of a configuration that may be printed. References to secrets stay, since they say where
 * and not what; plain values under secret names and passwords inside URLs are replaced.
 */
export function redactConfig(value: unknown): unknown {
  if (typeof value === 'string') return withoutUrlSecrets(value);
  if (Array.isArray(value)) return value.map(redactConfig);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => {
      const plain = typeof inner === 'string' || typeof inner === 'number' || Array.isArray(inner);
      return [key, plain && isSecretName(key) ? REDACTED : redactConfig(inner)];
    }),
  );
}

function withoutUrlSecrets(text: string): string {
  if (!text.includes('://') || !URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.password === '' && url.username === '' && url.search === '') return text;
  if (url.password !== '') url.password = 'redacted';
  for (const name of [...url.searchParams.keys()])
    if (isSecretName(name)) url.searchParams.set(name, 'redacted');
  return url.href;
}
