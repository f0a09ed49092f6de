import type { z } from 'zod';
import type { Result } from '../../kernel/index.ts';
import type { Failure, OutboundFetch } from './model.ts';

/** `absent`: this address has no such document, and the next may. */
export type DocumentOutcome<T> = Result<T, Failure & { readonly absent: boolean }>;

/** A JSON document that somebody else names. Anything but a JSON object of the right shape with status 200 fails. */
export async function readDocument<T>(
  fetch: OutboundFetch,
  url: string,
  allowPrivate: boolean,
  what: string,
  schema: z.ZodType<T>,
): Promise<DocumentOutcome<T>> {
  const fail = (problem: string, absent: boolean): DocumentOutcome<T> => ({
    ok: false,
    error: { problem: `${what}: ${problem}`, absent },
  });
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'GET',
      headers: { accept: 'application/json' },
      allowPrivate,
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : 'could not be read', false);
  }
  if (response.status >= 300 && response.status < 400)
    return fail('it redirects, and redirects are not followed', false);
  if (response.status !== 200)
    return fail(`HTTP ${response.status}`, response.status >= 400 && response.status < 500);
  let value: unknown;
  try {
    value = JSON.parse(await response.text());
  } catch {
    // Web servers answer unknown paths with a page and 200.
    return fail('it is not JSON', true);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const field = parsed.error.issues[0]?.path.map(String).join('.') ?? '';
  return fail(`it is not of the expected form (${field === '' ? 'no object' : field})`, false);
}
