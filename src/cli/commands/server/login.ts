import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { AppError } from '../../../kernel/index.ts';
import { openApi } from '../../api-access.ts';
import type { CliContext } from '../../context.ts';
import type { CliPorts } from '../../ports.ts';

interface LoginOptions {
  readonly reason?: string;
  readonly browser: boolean;
  readonly wait: boolean;
}

const POLL_MS = 500;

/** `sallyport server login NAME`: a person authorizes the gateway at a remote server, in a browser. */
export function addServerLogin(noun: Command, context: CliContext): void {
  const command = noun
    .command('login')
    .summary('authorize the gateway at a remote server, in a browser')
    .description(
      'Prints the address at which you authorize the gateway, opens it, and waits until that is done.\n' +
        'All agents that policy lets reach the server then act with this one authorization.',
    )
    .argument('<name>', 'name of the server')
    .option('--reason <text>', 'why; stands in the audit record')
    .option('--no-browser', 'print the address and open nothing')
    .option('--no-wait', 'end at once');
  context.action<LoginOptions>(command, async (run, name = '') => {
    const { options, terminal, ports } = run;
    const api = await openApi(run);
    const begun = await api.call('servers.login', {
      server: name,
      body: { reason: options.reason ?? 'asked for on the command line' },
    });
    // Whoever reads the JSON document at the end still needs the address before.
    if (!terminal.machine) terminal.line(begun.url);
    else if (options.wait) terminal.note(begun.url);
    else terminal.json({ server: name, ...begun });
    if (options.browser && !terminal.machine && ports.stdout.isTTY === true)
      openBrowser(ports, begun.url);
    if (!options.wait) return 0;
    terminal.note('waiting for the authorization; press Ctrl-C to stop');
    while (!ports.interrupted.aborted) {
      const { state, problem } = await api.call('servers.loginState', { login: begun.id });
      if (state === 'done') {
        if (terminal.machine) terminal.json({ server: name, authorized: true });
        else terminal.line(`the gateway is authorized at ${name}`);
        return 0;
      }
      if (state !== 'open')
        throw new AppError('IDENTITY_UPSTREAM_LOGIN', {
          params: { server: name, problem: problem ?? 'nobody authorized it in time' },
        });
      await delay(POLL_MS, undefined, { signal: ports.interrupted }).catch(() => undefined);
    }
    return 130;
  });
}

/** Without a shell; the address is one argument and begins with http, so it is no option either. */
function openBrowser(ports: Pick<CliPorts, 'platform'>, url: string): void {
  if (!/^https?:\/\//.test(url)) return;
  const [program, args]: [string, string[]] =
    ports.platform === 'darwin'
      ? ['open', [url]]
      : ports.platform === 'win32'
        ? ['rundll32', ['url.dll,FileProtocolHandler', url]]
        : ['xdg-open', [url]];
  const child = spawn(program, args, { stdio: 'ignore', detached: true });
  // No browser: the address was printed.
  child.once('error', () => undefined);
  child.unref();
}
