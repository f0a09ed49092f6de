import type { Command } from 'commander';
import { openApi } from '../../api-access.ts';
import type { CliContext } from '../../context.ts';
import { showProblem } from './check.ts';

export function addPolicyStatus(noun: Command, context: CliContext): void {
  const command = noun.command('status').summary('the policies that are in force');
  context.action(command, async (run) => {
    const policy = await (await openApi(run)).call('policy.get', {});
    const { terminal } = run;
    if (terminal.machine) {
      terminal.json(policy);
      return 0;
    }
    terminal.line(`version ${policy.version}, ${policy.mode}, decided by ${policy.engine}`);
    terminal.table(
      ['POLICY', 'EFFECT', 'STATE', 'WAITS FOR', 'WHERE'],
      policy.policies.map((one) => [
        one.id,
        one.effect,
        one.state,
        one.waitsFor.join(', ') || '–',
        `${one.file}:${one.line}`,
      ]),
    );
    for (const problem of policy.problems) showProblem(run, problem);
    return 0;
  });
}
