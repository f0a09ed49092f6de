import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type App, compose } from '../../src/app/compose.ts';
import { type AuditFs, readAudit, type StoredRecord } from '../../src/audit/index.ts';
import {
  type Clock,
  createNullLogger,
  type Logger,
  systemClock,
  systemRandom,
} from '../../src/kernel/index.ts';

export const PERMIT_ALL = 'permit(principal, action, resource);\n';
const BY = { user: 'test', channel: 'system', reason: 'test' } as const;

export interface TestAppOptions {
  /** The `servers:` section; scripted servers go in as `{ url, allowPrivate: true }`. */
  readonly servers: Readonly<Record<string, unknown>>;
  /** Cedar text, or files by name. Default: everything is permitted. */
  readonly policies?: string | Readonly<Record<string, string>>;
  /** Default: one agent, `tester`. */
  readonly agents?: readonly string[];
  readonly clock?: Clock;
  readonly auditFs?: AuditFs;
  readonly logger?: Logger;
  /** Further sections of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The real gateway in this very process, on a free port of loopback, with its files in a directory of its own. */
export interface TestApp {
  readonly app: App;
  readonly port: number;
  /** The merged endpoint, or one server's own. */
  url(server?: string): string;
  token(agent?: string): string;
  /** A new token, which `token` returns from then on. */
  renewToken(agent?: string): Promise<string>;
  agentId(agent?: string): string;
  /** Every record so far. */
  records(): Promise<StoredRecord[]>;
  /** Span ids of all decisions that allowed something. */
  allowedSpans(): Promise<Set<string>>;
  /** Replaces a policy file; the gateway notices by itself. Undefined removes it. */
  writePolicy(text: string | undefined, name?: string): Promise<void>;
  /** Everything issued to the agent so far is dead from now on. */
  revoke(agent?: string): Promise<void>;
  close(): Promise<void>;
}

/** Composes and warms a gateway. The caller closes it. */
export async function createTestApp(options: TestAppOptions): Promise<TestApp> {
  const home = await mkdtemp(join(tmpdir(), 'sallyport-app-'));
  const policyDir = join(home, 'policies');
  const agents = options.agents ?? ['tester'];
  const files =
    typeof options.policies === 'object'
      ? options.policies
      : { 'test.cedar': options.policies ?? PERMIT_ALL };
  await mkdir(policyDir);
  for (const [name, text] of Object.entries(files)) await writeFile(join(policyDir, name), text);
  const configFile = join(home, 'sallyport.yaml');
  await writeFile(
    configFile,
    stringify({
      gateway: { port: 0 },
      admin: { port: 0 },
      policies: { dir: 'policies' },
      agents: Object.fromEntries(agents.map((name) => [name, { owner: 'tester@example.com' }])),
      servers: options.servers,
      ...options.config,
    }),
  );
  const start = (): Promise<App> =>
    compose({
      dataDir: join(home, 'data'),
      configFile,
      env: { PATH: process.env['PATH'] },
      clock: options.clock ?? systemClock,
      random: systemRandom,
      version: '0.0.0-test',
      logger: options.logger ?? createNullLogger(),
      ...(options.auditFs === undefined ? {} : { auditFs: options.auditFs }),
    });
  let app: App | undefined;
  for (let attempt = 1; app === undefined; attempt++) {
    try {
      app = await start();
    } catch (error) {
      // A free port is looked for before it is used, and somebody else may take it in between.
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE' && attempt < 5) continue;
      await rm(home, { recursive: true, force: true });
      throw error;
    }
  }
  const running = app;
  await running.core.warm();
  await running.policy.idle();
  const tokens = new Map<string, string>();
  const idOf = (name = agents[0] ?? ''): string => running.identity.registry.byName(name)?.id ?? '';
  const renewToken = async (name = agents[0] ?? ''): Promise<string> => {
    const { token } = await running.identity.bootstraps.issue(idOf(name), BY);
    tokens.set(name, token);
    return token;
  };
  for (const name of agents) await renewToken(name);
  const records = async (): Promise<StoredRecord[]> => {
    const all: StoredRecord[] = [];
    for await (const record of readAudit(running.data.audit)) all.push(record);
    return all;
  };
  return {
    app: running,
    port: Number(new URL(running.mcpUrl).port),
    url: (server) =>
      server === undefined ? running.mcpUrl : `${running.mcpUrl.replace(/\/$/, '')}/${server}`,
    token(name = agents[0] ?? '') {
      const token = tokens.get(name);
      if (token === undefined) throw new Error(`no token for ${name}`);
      return token;
    },
    renewToken,
    agentId: idOf,
    records,
    async allowedSpans() {
      const spans = new Set<string>();
      for (const { type, effect, span } of await records())
        if (type === 'decision' && effect === 'allow' && span !== undefined) spans.add(span);
      return spans;
    },
    writePolicy: (text, name = 'test.cedar') =>
      text === undefined ? rm(join(policyDir, name)) : writeFile(join(policyDir, name), text),
    async revoke(name) {
      await running.identity.revocations.revoke(idOf(name), BY);
    },
    async close() {
      await running.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Real time that can be moved forward; timers stay real. */
export function createMovableClock(): Clock & { advance(ms: number): void } {
  let ahead = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    monotonic: () => systemClock.monotonic() + ahead,
    advance(ms) {
      ahead += ms;
    },
  };
}
