import type { ProblemError } from '../../api/index.ts';
import { AppError, isAppError, redactText } from '../../kernel/index.ts';
import type { OutputStream } from '../ports.ts';

export interface ShownError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly exit: number;
}

const DOCS = 'docs/reference/cli.md#errors';

/** By its name: the class would bring the whole API along. */
function isProblem(error: unknown): error is ProblemError {
  return error instanceof Error && error.name === 'ProblemError';
}

/** What happened, what to do, and the stable code, of anything that can be thrown. */
export function describeError(error: unknown): ShownError {
  if (isProblem(error)) {
    const { code, message, hint, exit } = error;
    return { code, message, ...(hint === undefined ? {} : { hint }), exit };
  }
  if (isAppError(error)) return fromAppError(error);
  const { code, address, port, path, message } = (error ?? {}) as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  if (code === 'EADDRINUSE')
    return fromAppError(
      new AppError('CLI_PORT_IN_USE', { params: { address: `${address ?? ''}:${port ?? ''}` } }),
    );
  if (typeof code === 'string' && typeof path === 'string')
    return fromAppError(new AppError('CLI_FILE', { params: { file: path, problem: code } }));
  return {
    code: 'INTERNAL',
    message: redactText(String(message ?? error)).slice(0, 2_000),
    hint: 'this is a fault of Sallyport: please report it with the command and the output of `sallyport doctor --json`',
    exit: 1,
  };
}

function fromAppError(error: AppError): ShownError {
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return { code: error.code, message: error.message, ...hint, exit: error.exitCode };
}

/** Writes the error to stderr, as JSON for programs; the exit code. */
export function showError(error: unknown, stderr: OutputStream, machine: boolean): number {
  const shown = describeError(error);
  const { code, message, hint } = shown;
  if (machine) {
    stderr.write(`${JSON.stringify({ error: { code, message, ...(hint ? { hint } : {}) } })}\n`);
    return shown.exit;
  }
  const lines = [`error: ${message}`];
  if (hint !== undefined) lines.push(`  ${hint}`);
  lines.push(`  ${code}  (${DOCS})`);
  stderr.write(`${lines.join('\n')}\n`);
  return shown.exit;
}
