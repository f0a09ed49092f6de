import type { Command } from 'commander';
import { stringify } from 'yaml';
import { describeConfig } from '../../../kernel/index.ts';
import type { CliContext } from '../../context.ts';

export function addConfig(program: Command, context: CliContext): void {
  const noun = program.command('config').summary('the configuration file');

  const check = noun.command('check').summary('validate it, and name every problem with its place');
  context.action(check, async (run) => {
    const file = await run.configFile();
    const facts = await run.ports.readConfig(file, run.data.path);
    if (run.terminal.machine)
      run.terminal.json({
        ok: true,
        file: file ?? null,
        servers: facts.servers.length,
        agents: facts.agents.length,
      });
    else
      run.terminal.line(
        file === undefined ? 'there is no file; defaults hold' : `${file} is valid`,
      );
    return 0;
  });

  const print = noun.command('print').summary('the effective values, without secrets');
  context.action(print, async (run) => {
    const file = await run.configFile();
    const { printable } = await run.ports.readConfig(file, run.data.path);
    if (run.terminal.machine) run.terminal.json(printable);
    else run.ports.stdout.write(stringify(printable));
    return 0;
  });

  const schema = noun
    .command('schema')
    .summary('JSON Schema of the file')
    .option('--markdown', 'a reference for people instead');
  context.action<{ markdown?: boolean }>(schema, async ({ ports, options, terminal }) => {
    const composed = await ports.configSchema();
    if (options.markdown === true && !terminal.machine)
      ports.stdout.write(describeConfig(composed));
    else if (terminal.machine) terminal.json(composed.jsonSchema);
    else ports.stdout.write(`${JSON.stringify(composed.jsonSchema, null, 2)}\n`);
    return 0;
  });
}
