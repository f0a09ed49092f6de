import { type BodyStore, createBodyStore } from '../audit/index.ts';
import { type Clock, HOUR_MS, type Logger, type Random, type Timer } from '../kernel/index.ts';
import type { JsonValue } from '../policy/index.ts';
import type { Config } from './config/sections.ts';

export interface BodyKeeperDeps {
  readonly dir: string;
  /** Read for each body, so that a reload of the configuration counts at once. */
  readonly config: () => Config['audit'];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Bodies that are being written. What comes while so many wait is not kept: memory is bounded, and calls go on. */
const MAX_WRITING = 64;
const MAX_BYTES = 1024 * 1024;

/** Keeps arguments and results as configured, and drops them when they are old. */
export function createBodyKeeper(deps: BodyKeeperDeps): {
  readonly bodies: { arguments(text: string): void; result(text: string): void };
  /** Arguments by their digest; undefined when they were not kept, are damaged, or are no object. */
  argumentsOf(digest: string): Promise<{ readonly [key: string]: JsonValue } | undefined>;
  close(): void;
} {
  const { dir, clock, random, logger } = deps;
  const store: BodyStore = createBodyStore({ dir, bodies: 'full', clock, random });
  let writing = 0;
  let lost = 0;
  let timer: Timer | undefined;

  const keep = (text: string): void => {
    if (writing >= MAX_WRITING || text.length > MAX_BYTES) {
      if (lost++ === 0) logger.warn('a body was not kept: too large, or too many at once');
      return;
    }
    writing++;
    store
      .putBody(text)
      .catch((error: unknown) => {
        if (lost++ === 0) logger.warn({ err: error }, 'a body could not be kept');
      })
      .finally(() => writing--);
  };

  const sweep = (): void => {
    timer = clock.setTimeout(() => {
      store
        .dropBodiesBefore(clock.now() - deps.config().keepBodies)
        .catch((error: unknown) => logger.warn({ err: error }, 'old bodies could not be dropped'))
        .finally(sweep);
    }, HOUR_MS);
  };
  sweep();

  return {
    bodies: {
      arguments(text) {
        if (deps.config().bodies !== 'none') keep(text);
      },
      result(text) {
        if (deps.config().bodies === 'full') keep(text);
      },
    },
    async argumentsOf(digest) {
      const bytes = await store.getBody(digest).catch(() => undefined);
      return bytes === undefined ? undefined : parse(Buffer.from(bytes).toString('utf8'));
    },
    close: () => timer?.cancel(),
  };
}

function parse(text: string): { readonly [key: string]: JsonValue } | undefined {
  try {
    const value: unknown = JSON.parse(text, exact);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as { readonly [key: string]: JsonValue }) : undefined;
  } catch {
    return undefined;
  }
}

/** Integers beyond 2^53 come back as they were written. */
function exact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined)
    return value;
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}
