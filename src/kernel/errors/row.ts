/** One public error: HTTP status, CLI exit code, message template, and the next step for the user. */
export interface ErrorRow {
  readonly status: number;
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6;
  readonly message: string;
  readonly hint?: string;
}
