import { readFileSync } from 'node:fs';
import { startServer } from './start-server.ts';

/** Version of this package, as told to clients and printed. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  }
).version;

/** Entry of the `sallyport` command. */
export async function main(argv: readonly string[]): Promise<void> {
  const value = (name: string): string | undefined => {
    const at = argv.indexOf(name);
    return at < 0 ? undefined : argv[at + 1];
  };
  const started = await startServer({
    dataDir: value('--data-dir'),
    config: value('--config'),
    cwd: process.cwd(),
    env: process.env,
    version: VERSION,
  });
  const { app } = started;
  const results = await app.core.warm();
  const agents = [];
  for (const name of Object.keys(app.config().agents)) {
    const agent = app.identity.registry.byName(name);
    if (agent === undefined) continue;
    const { token } = await app.identity.bootstraps.issue(agent.id, {
      user: 'up',
      channel: 'system',
      reason: 'start',
    });
    agents.push({ name, token });
  }
  process.stdout.write(
    `${JSON.stringify({ mcpUrl: app.mcpUrl, adminUrl: app.adminUrl, adminToken: app.adminToken, dataDir: app.data.path, pid: process.pid, agents, servers: Object.fromEntries(results) })}\n`,
  );
  const stop = (): void => void started.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
