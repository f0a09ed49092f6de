import type { Command } from 'commander';
import { openApi } from '../../api-access.ts';
import { type CliContext, usage } from '../../context.ts';
import { safeText } from '../../output/safe-text.ts';

interface ExplainOptions {
  readonly agent: string;
  readonly server: string;
  readonly args?: string;
  readonly user?: string;
  readonly resource?: boolean;
  readonly prompt?: boolean;
  readonly approved?: boolean;
}

interface Part {
  readonly policy: string;
  readonly [field: string]: unknown;
}

/** Decides one call without making it. Exit code 3 when it would not be allowed. */
export function addPolicyExplain(noun: Command, context: CliContext): void {
  const command = noun
    .command('explain')
    .summary('would this call be allowed, and why')
    .description(
      'Decides one call in the running gateway without making or recording it.\n\n' +
        '  sallyport policy explain write_file --agent reader --server files --args \'{"path":"/x"}\'',
    )
    .argument('<target>', 'tool, or with --resource a URI, with --prompt a prompt')
    .requiredOption('--agent <name>', 'who calls')
    .requiredOption('--server <name>', 'whose tool it is')
    .option('--args <json>', 'arguments of the call')
    .option('--user <name>', 'on whose behalf')
    .option('--resource', 'reading a resource')
    .option('--prompt', 'getting a prompt')
    .option('--approved', 'as if a human had approved it');
  context.action<ExplainOptions>(command, async (run, target = '') => {
    const { options, terminal } = run;
    const kind =
      options.resource === true ? 'resource' : options.prompt === true ? 'prompt' : 'tool';
    const explanation = await (await openApi(run)).call('policy.explain', {
      body: {
        agent: options.agent,
        server: options.server,
        target,
        kind,
        ...(options.user === undefined ? {} : { user: options.user }),
        ...(options.args === undefined ? {} : { arguments: argumentsOf(options.args) }),
        ...(options.approved === true ? { approved: true } : {}),
      },
    });
    const { decision } = explanation;
    if (terminal.machine) terminal.json(explanation);
    else {
      const paint = decision.effect === 'allow' ? terminal.color.green : terminal.color.red;
      terminal.line(paint(decision.effect));
      for (const { message } of decision.reasons) terminal.line(`  ${safeText(message, 1_000)}`);
      for (const part of explanation.holding as readonly Part[]) {
        terminal.line(
          `  ${safeText(String(part['effect']))} by ${safeText(part.policy)}: ${safeText(String(part['head'] ?? ''), 1_000)}`,
        );
        for (const condition of (part['conditions'] ?? []) as readonly { text: string }[])
          terminal.line(`    holds: ${safeText(condition.text, 1_000)}`);
      }
      if (decision.effect !== 'allow')
        for (const miss of (explanation.nearMisses as readonly Part[]).slice(0, 5))
          terminal.line(
            `  ${safeText(miss.policy)} would permit it, but needs ${safeText(String(miss['needs'] ?? ''), 1_000)}`,
          );
    }
    return decision.effect === 'allow' ? 0 : 3;
  });
}

function argumentsOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw usage('--args is not JSON', 'quote it for the shell: --args \'{"path":"/x"}\'');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usage('--args is not a JSON object', 'the arguments of a tool are an object');
  return value as Record<string, unknown>;
}
