import { z } from 'zod';
import type { PolicyVersionEntry } from './ports.ts';
import type { StoredSet } from './stored-set.ts';

const names = z.array(z.string());
const SUMMARY = z.object({
  added: names,
  removed: names,
  changed: names,
  effects: z.boolean(),
  more: z.number(),
});
const ROW = z.object({
  number: z.number(),
  digest: z.string(),
  version: z.string(),
  time: z.number(),
  user_name: z.string(),
  channel: z.enum(['cli', 'api', 'console', 'system']),
  reason: z.string(),
  summary: z.string(),
});
const SET = z.object({
  files: z.array(z.object({ name: z.string(), text: z.string(), ids: names })),
  effects: z.string().optional(),
});

/** @throws when the row was not written by us */
export function entryOf(row: Readonly<Record<string, unknown>>): PolicyVersionEntry {
  const { user_name: user, summary, ...rest } = ROW.parse(row);
  return { ...rest, user, summary: SUMMARY.parse(JSON.parse(summary)) };
}

export function setOf(body: unknown): StoredSet | undefined {
  if (typeof body !== 'string') return undefined;
  const parsed = SET.safeParse(JSON.parse(body));
  return parsed.success ? { files: parsed.data.files, effects: parsed.data.effects } : undefined;
}
