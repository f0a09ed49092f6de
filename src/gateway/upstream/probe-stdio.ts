import type { Timer } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';
import { encodeRequest, parseMessage } from '../wire/message.ts';
import { rawGet } from '../wire/raw-json.ts';
import { OWN_CLIENT } from './gateway-identity.ts';
import { initializeParams, modernParams } from './handshake.ts';
import type { UpstreamDeps } from './ports.ts';
import { readRefusal } from './probe-http.ts';
import { createStdioChannel, type StdioConfig } from './stdio-channel.ts';
import { cancelled, unavailable } from './upstream-errors.ts';

const DISCOVER = '1' as RawJson;
const INITIALIZE = '2' as RawJson;

/**
 * Asks a stdio server for its era in a throw-away sibling process, because some legacy servers exit on any request before
 * `initialize`. Exit and silence mean legacy; a server that is only slow to start shows itself by answering the
 * `initialize` that follows `probeSilenceMs` later. Throws when the command can't be started at all.
 */
export async function probeStdio(
  server: string,
  config: StdioConfig,
  signal: AbortSignal | undefined,
  deps: UpstreamDeps,
): Promise<'legacy' | 'modern'> {
  if (signal?.aborted === true) throw cancelled();
  const { clock, limits } = deps;
  const { promise, resolve, reject } = Promise.withResolvers<'legacy' | 'modern'>();
  const channel = createStdioChannel(server, config, deps);
  const timers: Timer[] = [];
  const onAbort = (): void => reject(cancelled());
  signal?.addEventListener('abort', onAbort, { once: true });

  channel.open({
    onLine(text) {
      const parsed = parseMessage(text, {
        maxDepth: limits.maxDepth,
        maxLength: limits.maxMessageBytes,
      });
      // Banners and logs on stdout are common; they say nothing.
      if (!parsed.ok || parsed.value.kind !== 'response') return;
      const { id, result, error } = parsed.value;
      if (result !== undefined) {
        const modern = id === DISCOVER && rawGet(result, 'supportedVersions') !== undefined;
        resolve(modern ? 'modern' : 'legacy');
      } else {
        const verdict = readRefusal(error);
        if (verdict === 'unknown_revision')
          reject(unavailable(server, 'it speaks only revisions the gateway does not know'));
        else resolve(verdict);
      }
    },
    onInvalidUtf8: () => {},
    onTooLarge: () => {},
    onEnd(end) {
      if (/could not be started|not found/.test(end.problem))
        reject(unavailable(server, end.problem));
      else resolve('legacy');
    },
  });
  channel.send(encodeRequest(DISCOVER, 'server/discover', modernParams(undefined, OWN_CLIENT)));
  timers.push(
    clock.setTimeout(() => {
      const legacy = { ...OWN_CLIENT, era: 'legacy', revision: '2025-11-25' } as const;
      channel.send(encodeRequest(INITIALIZE, 'initialize', initializeParams(legacy)));
    }, limits.probeSilenceMs),
    clock.setTimeout(() => resolve('legacy'), limits.connectMs),
  );
  try {
    return await promise;
  } finally {
    for (const timer of timers) timer.cancel();
    signal?.removeEventListener('abort', onAbort);
    channel.close();
  }
}
