import { rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock, systemRandom } from '../kernel/index.ts';
import { type App, compose } from './compose.ts';
import { findConfig } from './config/read-config.ts';
import { requireTrust } from './config/trust-config.ts';
import { dataDirectoryPath } from './data-directory.ts';
import { writeDemo } from './demo.ts';

export interface StartOptions {
  readonly dataDir: string | undefined;
  readonly config: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly overrides?: Readonly<Record<string, unknown>>;
  readonly version: string;
  /** Asks the person at the terminal; absent when nobody is there. */
  readonly ask?: (question: string) => Promise<boolean>;
}

export interface StartedServer {
  readonly app: App;
  /** True when nothing was configured and the demo runs. */
  readonly demo: boolean;
  stop(): Promise<void>;
}

/**
 * Starts a gateway for the CLI: finds the configuration (or writes the demo's), composes, and says where it runs. A file that
 * merely lies in the current directory is used only when it was accepted once: `CONFIG_UNTRUSTED`.
 */
export async function startServer(options: StartOptions): Promise<StartedServer> {
  const dataDir = dataDirectoryPath(options.dataDir, options.env, options.cwd);
  let configFile = await findConfig(options.config, options.cwd, dataDir);
  const demo = configFile === undefined;
  if (configFile !== undefined && options.config === undefined && dirname(configFile) !== dataDir)
    await requireTrust(configFile, dataDir, options.ask);
  configFile ??= await writeDemo(dataDir);
  const app = await compose({
    dataDir,
    configFile,
    env: options.env,
    ...(options.overrides === undefined ? {} : { overrides: options.overrides }),
    clock: systemClock,
    random: systemRandom,
    version: options.version,
  });
  // Where the CLI finds the running gateway. No secrets: the token has a file of its own.
  await writeFile(
    app.data.runFile,
    `${JSON.stringify({ pid: process.pid, mcpUrl: app.mcpUrl, adminUrl: app.adminUrl, configFile })}\n`,
    { mode: 0o600 },
  );
  return {
    app,
    demo,
    async stop() {
      await rm(app.data.runFile, { force: true });
      await app.close();
    },
  };
}
