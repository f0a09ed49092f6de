import type { ClientFacts, ServerConfig } from '../model.ts';
import type { HttpTarget } from './http-target.ts';
import type { UpstreamDeps } from './ports.ts';
import { probeHttp, type Verdict } from './probe-http.ts';
import { probeStdio } from './probe-stdio.ts';

export interface EraBook {
  /** The last verdict, however old. */
  last(): Verdict | undefined;
  /** The last verdict if it is younger than `eraMaxAgeMs`. */
  fresh(): Verdict | undefined;
  /** Asks the server, once for all who wait. */
  probe(client: ClientFacts): Promise<Verdict>;
  probing(): boolean;
  /** The verdict looks wrong. False when it was doubted less than a minute ago already. */
  doubt(): boolean;
}

const DOUBT_MS = 60_000;

/**
 * Remembers which era a server speaks. The age limit matters most for "legacy": that one goes on working after the server
 * was upgraded, so nothing else would ever ask again.
 */
export function createEraBook(
  server: string,
  config: ServerConfig,
  target: () => HttpTarget,
  deps: UpstreamDeps,
): EraBook {
  const { clock, limits } = deps;
  let verdict: Verdict | undefined;
  let at = 0;
  let doubtedAt = Number.NEGATIVE_INFINITY;
  let running: Promise<Verdict> | undefined;

  const ask = async (client: ClientFacts): Promise<Verdict> => {
    if (config.transport === 'http') return probeHttp(target(), client, undefined);
    const era = await probeStdio(server, config, undefined, deps);
    return era === 'modern' ? { era, info: undefined } : { era };
  };

  return {
    last: () => verdict,
    fresh: () =>
      verdict !== undefined && clock.monotonic() - at < limits.eraMaxAgeMs ? verdict : undefined,
    probe(client) {
      running ??= ask(client)
        .then((found) => {
          verdict = found;
          at = clock.monotonic();
          return found;
        })
        .finally(() => {
          running = undefined;
        });
      return running;
    },
    probing: () => running !== undefined,
    doubt() {
      const now = clock.monotonic();
      if (now - doubtedAt < DOUBT_MS) return false;
      doubtedAt = now;
      verdict = undefined;
      return true;
    },
  };
}
