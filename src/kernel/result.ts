/** For callers that branch on the failure (parsers, validators, token checks); elsewhere throw. */
export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });
export const err = <E>(error: E): { readonly ok: false; readonly error: E } => ({
  ok: false,
  error,
});

/** Compile-time proof that a union was exhausted. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
