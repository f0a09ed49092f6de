/** A refusal as the admin API states it (RFC 9457 problem details), on the caller's side. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  /** Exit code of the CLI. */
  readonly exit: number;

  constructor(problem: {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly hint?: string | undefined;
    readonly exit: number;
  }) {
    super(problem.message);
    this.status = problem.status;
    this.code = problem.code;
    this.hint = problem.hint;
    this.exit = problem.exit;
  }
}

export function isProblem(value: unknown): value is ProblemError {
  return value instanceof ProblemError;
}
