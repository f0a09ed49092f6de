import { z } from 'zod';

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

export interface Bounds {
  /** Smallest and largest accepted value, written like the value itself: `'1s'`, `'64KiB'`. */
  readonly min?: string;
  readonly max?: string;
}

/** `'250ms' | '30s' | '5m' | '8h' | '7d'` to milliseconds; `undefined` for anything else. */
export function parseDuration(text: string): number | undefined {
  return parseUnit(text, /^(\d{1,15})(ms|s|m|h|d)$/, DURATION_UNITS);
}

/** `'512B' | '64KiB' | '10MiB' | '2GiB'` to bytes; `undefined` for anything else. */
export function parseSize(text: string): number | undefined {
  return parseUnit(text, /^(\d{1,15})(B|KiB|MiB|GiB)$/, SIZE_UNITS);
}

/** A duration such as `30s`; the parsed value is in milliseconds. Give defaults by `.prefault('30s')`. */
export function duration(
  bounds: Bounds = {},
): z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> {
  return unit(parseDuration, 'a duration such as 250ms, 30s, 5m, 8h or 7d', 'duration', bounds);
}

/** A size such as `10MiB`; the parsed value is in bytes. Give defaults by `.prefault('10MiB')`. */
export function size(bounds: Bounds = {}): z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> {
  return unit(parseSize, 'a size such as 512B, 64KiB, 10MiB or 2GiB', 'size', bounds);
}

function unit(
  parse: (text: string) => number | undefined,
  what: string,
  format: string,
  bounds: Bounds,
): z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> {
  const min = bounds.min === undefined ? undefined : parse(bounds.min);
  const max = bounds.max === undefined ? undefined : parse(bounds.max);
  return z
    .string({ error: `expected ${what}, in quotes or plain` })
    .meta({ 'x-unit': format })
    .transform((text, context) => {
      const value = parse(text);
      let problem: string | undefined;
      if (value === undefined) problem = `expected ${what}`;
      else if (min !== undefined && value < min) problem = `must be at least ${bounds.min}`;
      else if (max !== undefined && value > max) problem = `must be at most ${bounds.max}`;
      if (problem === undefined && value !== undefined) return value;
      context.addIssue({ code: 'custom', message: problem ?? `expected ${what}` });
      return z.NEVER;
    });
}

function parseUnit(
  text: string,
  form: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const match = form.exec(text);
  const factor = units[match?.[2] ?? ''];
  if (match === null || factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}
