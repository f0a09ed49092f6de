import { setTimeout as delay } from 'node:timers/promises';
import type { RouteOutput } from '../../../api/index.ts';
import { askRunning } from '../../api-access.ts';
import type { Run } from '../../context.ts';

export interface ReloadOutcome {
  readonly running: boolean;
  readonly state: 'ready' | 'failed' | 'unknown' | 'disabled';
  readonly problem: string | null;
  readonly tools: RouteOutput<'servers.list'>['servers'][number]['tools'];
}

const POLL_MS = 250;
const MAX_POLLS = 120;

/** Asks a running gateway to read the configuration again and waits until it has talked to the server. */
export async function reloadAndWait(
  run: Run<unknown>,
  reason: string,
  server: string | undefined,
): Promise<ReloadOutcome> {
  const outcome = await askRunning(run, async (api): Promise<ReloadOutcome> => {
    await api.call('config.reload', { body: { reason } });
    const nothing = { running: true, state: 'unknown', problem: null, tools: null } as const;
    if (server === undefined) return nothing;
    for (let poll = 0; poll < MAX_POLLS && !run.ports.interrupted.aborted; poll += 1) {
      const { servers } = await api.call('servers.list', {});
      const found = servers.find(({ name }) => name === server);
      if (found?.state === 'disabled') return { ...nothing, state: 'disabled' };
      if (found?.tools != null) return { ...nothing, state: 'ready', tools: found.tools };
      if (found !== undefined && found.lastError !== null && found.state !== 'connecting')
        return { ...nothing, state: 'failed', problem: found.lastError };
      await delay(POLL_MS);
    }
    return nothing;
  });
  return outcome ?? { running: false, state: 'unknown', problem: null, tools: null };
}
