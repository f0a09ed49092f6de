import type { Command } from 'commander';
import { AppError } from '../../../kernel/index.ts';
import { askRunning, editableConfig } from '../../api-access.ts';
import type { CliContext, Run } from '../../context.ts';

/** Configured servers with what a running gateway knows of them. */
async function servers(run: Run<unknown>) {
  const live = await askRunning(run, (api) => api.call('servers.list', {}));
  const file = await editableConfig(run);
  const config = await run.ports.readConfig(file, run.data.path).catch((error: unknown) => {
    if (live === undefined) throw error;
    return undefined;
  });
  const byName = new Map(live?.servers.map((server) => [server.name, server]));
  return (config?.servers ?? []).map((entry) => {
    const found = byName.get(entry.name);
    return {
      name: entry.name,
      transport: entry.transport,
      target: entry.target,
      enabled: entry.enabled,
      state: found?.state ?? (live === undefined ? 'not running' : 'not loaded'),
      revision: found?.revision ?? null,
      lastError: found?.lastError ?? null,
      tools: found?.tools ?? null,
    };
  });
}

export function addServerList(noun: Command, context: CliContext): void {
  const command = noun.command('list').alias('ls').summary('the configured servers');
  context.action(command, async (run) => {
    const rows = await servers(run);
    if (run.terminal.machine) run.terminal.json({ servers: rows });
    else if (rows.length === 0)
      run.terminal.note('no servers yet; add one: sallyport server add NAME -- COMMAND');
    else
      run.terminal.table(
        ['NAME', 'STATE', 'TOOLS', 'PROTOCOL', 'TARGET'],
        rows.map((row) => [
          row.name,
          row.enabled ? row.state : 'disabled',
          row.tools === null ? '–' : String(row.tools.length),
          row.revision ?? '–',
          row.target,
        ]),
      );
    return 0;
  });
}

export function addServerShow(noun: Command, context: CliContext): void {
  const command = noun
    .command('show')
    .summary('one server with its tools')
    .argument('<name>', 'name of the server');
  context.action(command, async (run, name = '') => {
    const row = (await servers(run)).find((one) => one.name === name);
    if (row === undefined) throw new AppError('CLI_SERVER_UNKNOWN', { params: { name } });
    const { terminal } = run;
    if (terminal.machine) {
      terminal.json(row);
      return 0;
    }
    const { tools, ...facts } = row;
    for (const [key, value] of Object.entries(facts))
      terminal.table([key.padEnd(10), String(value ?? '–')], []);
    if (tools !== null)
      terminal.table(
        ['TOOL', 'DESCRIPTION'],
        tools.map((tool) => [tool.name, tool.description]),
      );
    return 0;
  });
}
