import type { Downstream, LogLevel, RawJson } from '../model.ts';
import { isLogLevel, LOG_LEVELS } from '../wire/envelope.ts';
import { rawAsString, rawGet } from '../wire/raw-json.ts';

/**
 * True when a log message may reach the client: modern clients asked for a level in this very request, legacy clients
 * by `logging/setLevel` (without it they get all, as the server decides).
 */
export function wantsLog(
  downstream: Pick<Downstream, 'client' | 'session'>,
  params: RawJson | undefined,
): boolean {
  const { client, session } = downstream;
  const floor = client.era === 'modern' ? client.logLevel : (session?.logLevel ?? client.logLevel);
  if (floor === undefined) return client.era === 'legacy';
  const raw = params === undefined ? undefined : rawGet(params, 'level');
  const level = raw === undefined ? undefined : rawAsString(raw);
  return isLogLevel(level) && rank(level) >= rank(floor);
}

const rank = (level: LogLevel): number => LOG_LEVELS.indexOf(level);

/** Passes an upstream's progress and log messages on to the request they belong to, log messages by level. */
export function relayTo(
  downstream: Downstream,
): (method: string, params: RawJson | undefined) => void {
  return (method, params) => {
    if (method === 'notifications/message' && !wantsLog(downstream, params)) return;
    // Belongs to 2025-11-25 and is gone in the modern era.
    if (method === 'notifications/elicitation/complete' && downstream.client.era === 'modern')
      return;
    downstream.notify(method, params);
  };
}

/**
 * Progress of several upstream requests that are one request for the client: values must rise, so a later round that
 * starts again at zero stays silent until it passes what was shown (2025-06-18, progress).
 */
export function risingProgress(
  next: (method: string, params: RawJson | undefined) => void,
): (method: string, params: RawJson | undefined) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (method, params) => {
    if (method === 'notifications/progress') {
      const raw = params === undefined ? undefined : rawGet(params, 'progress');
      const value = Number(raw ?? Number.NaN);
      if (!(value > last)) return;
      last = value;
    }
    next(method, params);
  };
}
