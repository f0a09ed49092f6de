import { readFile } from 'node:fs/promises';
import type { ApiClient } from '../api/index.ts';
import { AppError, isAppError } from '../kernel/index.ts';
import type { Run } from './context.ts';

/** What a running gateway wrote about itself. */
export interface RunningGateway {
  readonly pid: number;
  readonly mcpUrl: string;
  readonly adminUrl: string;
  readonly configFile: string | undefined;
}

type Place = Pick<Run<unknown>, 'data' | 'ports'>;

/** The gateway on this data directory; undefined when none left word. It may have died since. */
export async function findRunning({ data }: Place): Promise<RunningGateway | undefined> {
  try {
    const facts = JSON.parse(await readFile(data.runFile, 'utf8')) as Record<string, unknown>;
    const { pid, mcpUrl, adminUrl, configFile } = facts;
    if (typeof mcpUrl !== 'string' || typeof adminUrl !== 'string') return undefined;
    return {
      pid: Number(pid),
      mcpUrl,
      adminUrl,
      configFile: typeof configFile === 'string' ? configFile : undefined,
    };
  } catch {
    return undefined;
  }
}

/** A client of the running gateway. Throws `CLI_NO_GATEWAY`. */
export async function openApi(run: Place, timeoutMs?: number): Promise<ApiClient> {
  const running = await findRunning(run);
  const token = await readFile(run.data.adminTokenFile, 'utf8').catch(() => undefined);
  if (running === undefined || token === undefined)
    throw new AppError('CLI_NO_GATEWAY', { params: { dir: run.data.path } });
  const { createApiClient } = await import('../api/index.ts');
  return createApiClient({
    url: running.adminUrl,
    token: token.trim(),
    clock: run.ports.clock,
    channel: 'cli',
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

/** Asks the running gateway; undefined when there is none, so that the command does without. */
export async function askRunning<T>(
  run: Place,
  ask: (api: ApiClient) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask(await openApi(run));
  } catch (error) {
    if (isAppError(error) && ['CLI_NO_GATEWAY', 'API_UNREACHABLE'].includes(error.code))
      return undefined;
    throw error;
  }
}

/** The file that server commands edit: the running gateway's, else the one `up` would use, else a new one. */
export async function editableConfig(run: Run<unknown>): Promise<string> {
  if (run.options.config === undefined) {
    const running = await findRunning(run);
    if (running?.configFile !== undefined) return running.configFile;
  }
  return (await run.configFile()) ?? `${run.data.path}/sallyport.yaml`;
}
