import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import { MAX_SECRET_BYTES } from '../limits.ts';

/** Where a secret is; the secret itself never stands in the configuration. */
export type SecretRef = { readonly file: string } | { readonly env: string };

const BY_REFERENCE = 'secrets are given by reference: { file: path } or { env: NAME }';

/** Zod type of a secret reference. The message never repeats what was written in its place. */
export const secretRef = z
  .union(
    [
      z.strictObject({ file: z.string().min(1).max(4096) }),
      z.strictObject({
        env: z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected the name of an environment variable'),
      }),
    ],
    { error: BY_REFERENCE },
  )
  .meta({ 'x-secret-ref': true });

export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a whole file; may reject, or refuse files that others can read. */
  readonly readFile: (path: string) => Promise<string | Uint8Array>;
}

/**
 * Fetches the secret. One trailing line end is cut off, as editors and `echo` add it.
 *
 * @throws AppError `CONFIG_SECRET_UNRESOLVED` when it is missing, empty, not UTF-8, has a NUL or is
 * larger than {@link MAX_SECRET_BYTES}. The message names the reference, never the content.
 */
export async function resolveSecret(ref: SecretRef, sources: SecretSources): Promise<string> {
  if ('env' in ref) {
    const value = Object.hasOwn(sources.env, ref.env) ? sources.env[ref.env] : undefined;
    if (value === undefined) throw unresolved(`env ${ref.env}`, 'the variable is not set');
    return check(value, `env ${ref.env}`);
  }
  const where = `file ${ref.file}`;
  let content: string | Uint8Array;
  try {
    content = await sources.readFile(ref.file);
  } catch (cause) {
    const code = (cause as { code?: unknown } | null)?.code;
    throw unresolved(where, typeof code === 'string' ? code : 'it could not be read', cause);
  }
  if (content.length > MAX_SECRET_BYTES)
    throw unresolved(where, `it is larger than ${MAX_SECRET_BYTES} bytes`);
  if (typeof content === 'string') return check(content, where);
  try {
    return check(new TextDecoder('utf-8', { fatal: true }).decode(content), where);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw unresolved(where, 'it is not UTF-8 text');
  }
}

function check(text: string, where: string): string {
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw unresolved(where, 'it is empty');
  if (Buffer.byteLength(value) > MAX_SECRET_BYTES)
    throw unresolved(where, `it is larger than ${MAX_SECRET_BYTES} bytes`);
  if (value.includes('\0')) throw unresolved(where, 'it contains a NUL');
  return value;
}

function unresolved(path: string, problem: string, cause?: unknown): AppError {
  return new AppError('CONFIG_SECRET_UNRESOLVED', {
    params: { path, problem },
    ...(cause === undefined ? {} : { cause }),
  });
}
