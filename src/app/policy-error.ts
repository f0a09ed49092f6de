import { AppError } from '../kernel/index.ts';
import type { PolicyProblem } from '../policy/index.ts';

/** Why the gateway does not start with these policies: the first error, and all problems for the log. */
export function policyError(problems: readonly PolicyProblem[]): AppError {
  const first = problems.find((problem) => problem.severity === 'error') ?? problems[0];
  return new AppError('POLICY_INVALID', {
    params: {
      file: first?.file ?? 'policies',
      line: first?.line ?? 1,
      column: first?.column ?? 1,
      problem: `${first?.message ?? 'the policies could not be loaded'}${first?.suggestion === undefined ? '' : ` (${first.suggestion})`}`,
    },
    meta: { problems },
  });
}
