import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { PolicyProblem } from '../../../policy/index.ts';
import { askRunning } from '../../api-access.ts';
import type { CliContext, Run } from '../../context.ts';
import { safeText } from '../../output/safe-text.ts';

interface CheckOptions {
  readonly offline?: boolean;
  readonly failOn?: string;
}

/** The directory of the configuration, unless one is named. */
export async function policyDirectory(
  run: Run<unknown>,
  named: string | undefined,
): Promise<string> {
  if (named !== undefined) return resolve(run.ports.cwd, named);
  return (await run.ports.readConfig(await run.configFile(), run.data.path)).policyDir;
}

/** Syntax, schema and lints. A running gateway knows the servers' tools; without one, what names them stays open. */
export function addPolicyCheck(noun: Command, context: CliContext): void {
  const command = noun
    .command('check')
    .summary('validate the policy files')
    .argument('[dir]', 'policy directory; by default the one of the configuration')
    .option('--offline', 'do not ask a running gateway for the servers’ tools');
  context.action<CheckOptions>(command, async (run, dir) => {
    const { terminal, options } = run;
    const live =
      dir === undefined && options.offline !== true
        ? await askRunning(run, (api) => api.call('policy.check', {}))
        : undefined;
    const report = live ?? (await checkOffline(run, await policyDirectory(run, dir)));
    const errors = report.problems.filter(({ severity }) => severity === 'error').length;
    if (terminal.machine) {
      const { policies, problems } = report;
      terminal.json({ ok: errors === 0, against: live ? 'gateway' : 'files', policies, problems });
    } else {
      for (const problem of report.problems) showProblem(run, problem);
      const warnings = report.problems.length - errors;
      terminal.line(
        `${report.policies.length} policies, ${errors} errors, ${warnings} warnings${live === undefined ? ' (without the servers’ tools: no gateway was asked)' : ''}`,
      );
    }
    return errors === 0 ? 0 : 1;
  });
}

async function checkOffline(run: Run<unknown>, dir: string) {
  const { createCedarHost, createPolicyService, readPolicyDirectory } = await import(
    '../../../policy/index.ts'
  );
  const host = createCedarHost({ clock: run.ports.clock });
  try {
    const service = createPolicyService({
      host,
      read: () => readPolicyDirectory(dir),
      mode: 'enforce',
    });
    return await service.check();
  } finally {
    await host.close();
  }
}

type Shown = Pick<PolicyProblem, 'severity' | 'file' | 'line' | 'column' | 'message'> & {
  readonly suggestion?: string | undefined;
};

export function showProblem({ terminal }: Run<unknown>, problem: Shown): void {
  const { color } = terminal;
  const word = problem.severity === 'error' ? color.red('error') : color.yellow('warning');
  terminal.line(
    `${problem.file}:${problem.line}:${problem.column}: ${word}: ${safeText(problem.message, 1_000)}`,
  );
  if (problem.suggestion !== undefined) terminal.line(`  ${safeText(problem.suggestion, 1_000)}`);
}
