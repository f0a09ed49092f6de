import { z } from 'zod';
import { REASON } from './schemas.ts';

/** Shapes of looking at and changing policies. Times are milliseconds since the epoch. */

const MAX_TEXT = 10 * 1024 * 1024;

/** A policy directory as it is sent: what is in `*.cedar` and `effects.yaml`. */
export const DIRECTORY = z.strictObject({
  files: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[^./\\\0][^/\\\0]{0,200}\.cedar$/, 'a name such as team.cedar'),
        text: z.string().max(MAX_TEXT),
      }),
    )
    .max(1_000),
  effects: z
    .string()
    .max(256 * 1024)
    .optional(),
});

const names = z.array(z.string());
const REF = z.strictObject({ id: z.string(), file: z.string() });

export const VERSION = z.strictObject({
  number: z.number(),
  digest: z.string(),
  version: z.string(),
  time: z.number(),
  user: z.string(),
  channel: z.string(),
  reason: z.string(),
  summary: z.strictObject({
    added: names,
    removed: names,
    changed: names,
    effects: z.boolean(),
    more: z.number(),
  }),
});

export const DIFFERENCE = z.strictObject({
  added: z.array(REF),
  removed: z.array(REF),
  changed: z.array(REF),
  effects: z.boolean(),
  unified: z.string(),
});

const EFFECT = z.enum(['allow', 'deny', 'hold']);
const EXAMPLES = z.array(
  z.strictObject({ seq: z.number(), time: z.number(), call: z.string().optional() }),
);

export const REPLAY_REPORT = z.strictObject({
  before: z.string(),
  after: z.string(),
  calls: z.number(),
  unchanged: z.number(),
  flipped: z.number(),
  unknown: z.number(),
  skipped: z.record(z.string(), z.number()),
  flips: z.array(
    z.strictObject({
      direction: z.enum(['newly_denied', 'newly_allowed', 'newly_held']),
      from: EFFECT,
      to: EFFECT,
      agent: z.string(),
      server: z.string(),
      target: z.string(),
      policy: z.string(),
      count: z.number(),
      examples: EXAMPLES,
    }),
  ),
  flipsElsewhere: z.number(),
  unknowns: z.array(
    z.strictObject({
      agent: z.string(),
      server: z.string(),
      target: z.string(),
      policies: names,
      possible: z.array(EFFECT),
      count: z.number(),
      examples: EXAMPLES,
    }),
  ),
  unknownsElsewhere: z.number(),
  drifted: z.number(),
  from: z.number().optional(),
  to: z.number().optional(),
});

export const REPLAY = DIRECTORY.extend({
  agent: z.string().max(128).optional(),
  server: z.string().max(64).optional(),
  since: z.number().optional(),
  until: z.number().optional(),
  last: z.int().min(1).max(1_000_000).optional(),
});

export const APPLY = DIRECTORY.extend({
  /** Digest of the set that the caller has seen in force; another one refuses. */
  against: z.string().max(64).optional(),
  reason: REASON,
});

export const PREVIEW_ITEM = z.strictObject({
  server: z.string(),
  kind: z.string(),
  target: z.string(),
  verdict: z.enum(['always', 'maybe', 'never']),
  approval: z.enum(['always', 'maybe', 'never']),
  /** What a `maybe` hangs on, in one line. */
  condition: z.string(),
  conditions: z.array(
    z.strictObject({
      policy: z.string(),
      role: z.enum(['permits', 'forbids', 'asks']),
      when: names,
    }),
  ),
  policies: names,
});

export const CHANGED = z.strictObject({
  changed: z.boolean(),
  entry: VERSION.nullable(),
  backup: z.string().nullable(),
});
