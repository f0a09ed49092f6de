import { ERROR_TABLE, type ErrorCode } from './table.ts';

const BRAND = Symbol.for('sallyport.AppError');

export interface AppErrorOptions {
  /** Fills `{name}` in the message template. Only values that may be shown to the caller. */
  readonly params?: Readonly<Record<string, string | number>>;
  /** Never leaves the process. */
  readonly cause?: unknown;
  /** Machine-readable facts for logs and `data`; never secrets. */
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** A fault with a stable public code. Refusals are values (`Decision`), not errors. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly exitCode: number;
  readonly hint: string | undefined;
  readonly meta: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const row = ERROR_TABLE[code];
    super(
      fill(row.message, options.params ?? {}),
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.code = code;
    this.status = row.status;
    this.exitCode = row.exit;
    this.hint = row.hint === undefined ? undefined : fill(row.hint, options.params ?? {});
    this.meta = options.meta ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Works across two copies of the package, unlike `instanceof`. */
export function isAppError(value: unknown): value is AppError {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Record<symbol, unknown>)[BRAND] === true
  );
}

function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(params, name) ? String(params[name]) : whole,
  );
}
