import { dirname, resolve } from 'node:path';
import type { CliPorts, ConfigFacts, ServerFacts, StartedGateway } from '../cli/index.ts';
import { loadConfig, redactConfig, redactText, systemRandom } from '../kernel/index.ts';
import type { Config, ServerEntry } from './config/sections.ts';
import { dataDirectoryPath, describeDataDirectory } from './data-paths.ts';

interface Facts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly version: string;
}

/** The schema stands on the gateway's own rules, so it brings the gateway along. */
const configReader = () => import('./config/read-config.ts');

/** Everything the CLI may ask of the composition; the heavy parts load when a command needs them. */
export function cliPorts({
  env,
  cwd,
  version,
}: Facts): Pick<
  CliPorts,
  | 'random'
  | 'dataDirectory'
  | 'findConfig'
  | 'readConfig'
  | 'configSchema'
  | 'startGateway'
  | 'runDoctor'
> {
  return {
    random: systemRandom,
    dataDirectory: (named) => describeDataDirectory(dataDirectoryPath(named, env, cwd)),
    findConfig: async (named, dataDir) => (await configReader()).findConfig(named, cwd, dataDir),
    async readConfig(file, dataDir, text) {
      if (text === undefined) {
        const { readConfig } = await configReader();
        return factsOf((await readConfig(file, env)).config, file, dataDir);
      }
      const { CONFIG } = await import('./config/sections.ts');
      const loaded = loadConfig(CONFIG, { text, file: file ?? 'sallyport.yaml', env });
      if (!loaded.ok) throw loaded.error;
      return factsOf(loaded.value, file, dataDir);
    },
    configSchema: async () => (await import('./config/sections.ts')).CONFIG,
    async startGateway({ dataDir, config, overrides, ask }) {
      const { startServer } = await import('./start-server.ts');
      const started = await startServer({ dataDir, config, cwd, env, version, overrides, ask });
      return startedGateway(started);
    },
    async runDoctor(request) {
      const { runDoctor } = await import('./doctor/run-doctor.ts');
      return runDoctor({ ...request, env, cwd });
    },
  };
}

function factsOf(config: Config, file: string | undefined, dataDir: string): ConfigFacts {
  return {
    file,
    printable: redactConfig(config),
    policyDir: resolve(file === undefined ? dataDir : dirname(file), config.policies.dir),
    policyMode: config.policies.mode,
    agents: Object.entries(config.agents).map(([name, { owner, groups }]) => ({
      name,
      owner,
      groups,
    })),
    servers: Object.entries(config.servers).map(([name, entry]) => serverFacts(name, entry)),
  };
}

function serverFacts(name: string, entry: ServerEntry): ServerFacts {
  const shown = redactConfig(entry.url ?? [entry.command ?? '', ...entry.args].join(' '));
  return {
    name,
    transport: entry.url === undefined ? 'stdio' : 'http',
    target: redactText(String(shown)),
    enabled: entry.enabled,
  };
}

type Started = Awaited<ReturnType<typeof import('./start-server.ts').startServer>>;

function startedGateway({ app, demo, stop }: Started): StartedGateway {
  const configured = () =>
    Object.keys(app.config().agents).flatMap((name) => app.identity.registry.byName(name) ?? []);
  return {
    mcpUrl: app.mcpUrl,
    adminUrl: app.adminUrl,
    adminToken: app.adminToken,
    dataDir: app.data.path,
    configFile: app.configFile,
    demo,
    agents: app.identity.registry
      .list()
      .filter(({ state }) => state !== 'retired')
      .map(({ name, owners, state }) => ({ name, owner: owners[0] ?? '', state })),
    servers: app.pool.servers(),
    async warm(onServer) {
      const told = new Set<string>();
      const tell = (name: string, problem: string | undefined): void => {
        if (told.has(name)) return;
        told.add(name);
        onServer?.(name, problem);
      };
      const off = app.pool.onChange((name, what) => {
        if (what === 'up') tell(name, undefined);
      });
      try {
        const results = await app.core.warm();
        for (const [name, problem] of results) tell(name, problem);
        return results;
      } finally {
        off();
      }
    },
    async issueTokens() {
      const { issueStartTokens } = await import('./issue-start-tokens.ts');
      return issueStartTokens(app, configured());
    },
    loginCode: () => app.loginCodes.issue('local operator'),
    reload: () => app.reload(),
    stop,
  };
}
