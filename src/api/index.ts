/** The admin API: contract, server and typed client. */
export { isProblem, ProblemError } from './problem.ts';
