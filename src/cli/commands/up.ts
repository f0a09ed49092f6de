import type { Command } from 'commander';
import { type CliContext, type Run, usage } from '../context.ts';
import { askYes } from '../output/ask.ts';
import { safeText } from '../output/safe-text.ts';
import type { StartedGateway } from '../ports.ts';

interface UpOptions {
  readonly port?: string;
  readonly adminPort?: string;
  readonly verbose?: boolean;
}

/** `up` (and `start`): runs the gateway in the foreground until a signal. */
export function addUp(program: Command, context: CliContext): void {
  const command = program
    .command('up')
    .alias('start')
    .summary('start the gateway')
    .description(
      'Starts the gateway here, in the foreground. Without a configuration it runs a demo. Prints one JSON line when ' +
        'stdout is no terminal. SIGHUP reads the configuration again; SIGINT and SIGTERM finish open calls and end.',
    )
    .option('--port <port>', 'port for MCP clients; 0 picks a free one')
    .option('--admin-port <port>', 'port of the admin API; 0 picks a free one')
    .option('-v, --verbose', 'show the log on a terminal too, not its errors alone');
  context.action<UpOptions>(command, up);
}

async function up(run: Run<UpOptions>): Promise<number> {
  const { ports, options, terminal } = run;
  const overrides: Record<string, unknown> = {};
  if (options.port !== undefined) overrides['gateway.port'] = portOf('--port', options.port);
  if (options.adminPort !== undefined)
    overrides['admin.port'] = portOf('--admin-port', options.adminPort);
  const forPerson = !terminal.machine && ports.stdout.isTTY === true;
  // JSON lines between the lines for a person help nobody; `audit tail` shows what agents do.
  if (forPerson && options.verbose !== true) overrides['log.level'] = 'error';
  const gateway = await ports.startGateway({
    dataDir: options.dataDir,
    config: options.config,
    overrides,
    ask: (question) => askYes(ports, question),
  });
  ports.onHangup(() => {
    gateway.reload().then(
      () => terminal.note('the configuration was read again'),
      (error: unknown) =>
        terminal.note(`nothing was changed: ${error instanceof Error ? error.message : 'fault'}`),
    );
  });
  try {
    if (forPerson) await tellPerson(run, gateway);
    else await tellMachine(run, gateway);
    await aborted(ports.interrupted);
  } finally {
    await gateway.stop();
  }
  return 0;
}

/** The contract of scripts and tests: one line, when every server was tried. */
async function tellMachine(run: Run<UpOptions>, gateway: StartedGateway): Promise<void> {
  const results = await Promise.race([gateway.warm(), aborted(run.ports.interrupted)]);
  if (results === undefined) return;
  run.terminal.json({
    mcpUrl: gateway.mcpUrl,
    adminUrl: gateway.adminUrl,
    adminToken: gateway.adminToken,
    dataDir: gateway.dataDir,
    pid: run.ports.pid,
    agents: await gateway.issueTokens(),
    servers: Object.fromEntries([...results].map(([name, problem]) => [name, problem ?? null])),
  });
}

async function tellPerson(run: Run<UpOptions>, gateway: StartedGateway): Promise<void> {
  const { terminal, ports } = run;
  const { color } = terminal;
  const label = (text: string): string => color.dim(text.padEnd(9));
  terminal.line(`${color.bold('Sallyport')} ${ports.version} is running`);
  terminal.line();
  terminal.line(`  ${label('MCP')}${color.cyan(gateway.mcpUrl)}`);
  terminal.line(
    `  ${label('Status')}${color.cyan(`${gateway.adminUrl}/login?code=${gateway.loginCode()}`)} ${color.dim('(works once, for ten minutes)')}`,
  );
  terminal.line(`  ${label('Data')}${gateway.dataDir}`);
  terminal.line(
    `  ${label('Config')}${gateway.configFile ?? 'defaults'}${gateway.demo ? color.dim(' (the demo)') : ''}`,
  );
  gateway.agents.forEach(({ name, owner, state }, index) => {
    const suffix = state === 'active' ? '' : color.yellow(` ${state}`);
    terminal.line(
      `  ${label(index === 0 ? 'Agents' : '')}${safeText(name, 64)} ${color.dim(safeText(owner, 80))}${suffix}`,
    );
  });
  terminal.line();
  const agent = gateway.agents.find(({ state }) => state === 'active')?.name;
  terminal.line(
    agent === undefined
      ? '  Next: sallyport agent register my-agent --owner you@example.com'
      : `  Next: sallyport connect claude-code --agent ${safeText(agent, 64)}`,
  );
  terminal.line();
  const width = Math.max(0, ...gateway.servers.map((name) => name.length));
  await Promise.race([
    gateway.warm((name, problem) => {
      const mark = problem === undefined ? color.green('ready') : color.red('failed');
      const detail = problem === undefined ? '' : `  ${safeText(problem)}`;
      terminal.line(`  ${label('Server')}${name.padEnd(width)}  ${mark}${detail}`);
    }),
    aborted(ports.interrupted),
  ]);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function portOf(flag: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535))
    throw usage(`${flag} takes a port number`, 'use 0 to 65535; 0 picks a free port');
  return port;
}
