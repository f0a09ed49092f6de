import type { Random } from '../../kernel/index.ts';

/**
 * Delay before attempt `failures` + 1: doubles from `baseMs` up to `maxMs`, then spread over 50-100 % so that many
 * gateways don't knock at the same moment. Milliseconds.
 */
export function backOffMs(failures: number, baseMs: number, maxMs: number, random: Random): number {
  if (failures <= 0) return 0;
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 20));
  const byte = random.bytes(1)[0] ?? 0;
  return Math.round(full * (0.5 + byte / 510));
}
