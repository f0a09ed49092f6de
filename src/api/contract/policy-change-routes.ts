import { z } from 'zod';
import {
  APPLY,
  CHANGED,
  DIFFERENCE,
  PREVIEW_ITEM,
  REPLAY,
  REPLAY_REPORT,
  VERSION,
} from './policy-change-schemas.ts';
import { POLICY_REPORT, REASON } from './schemas.ts';

const read = { method: 'GET', mutates: false, stability: 'beta', since: '0.1.0' } as const;
const write = { method: 'POST', mutates: true, stability: 'beta', since: '0.1.0' } as const;
/** A policy directory holds at most 10 MiB; JSON makes it longer. */
const LARGE = 16 * 1024 * 1024;
const name = z.string().min(1).max(80);

/** Versions of the policies, looking ahead, and changing them. */
export const POLICY_CHANGE_ROUTES = {
  'policy.versions': {
    ...read,
    path: '/v1/policy/versions',
    summary: 'Every policy set that was in force, newest first.',
    permission: 'policy.read',
    query: z.strictObject({
      limit: z
        .string()
        .regex(/^\d{1,3}$/)
        .transform(Number)
        .optional(),
      before: z
        .string()
        .regex(/^\d{1,10}$/)
        .transform(Number)
        .optional(),
    }),
    response: z.strictObject({ versions: z.array(VERSION) }),
  },
  'policy.version': {
    ...read,
    path: '/v1/policy/versions/{name}',
    summary: 'One version by number, digest or the version that a decision names, with its texts.',
    permission: 'policy.read',
    response: z.strictObject({
      entry: VERSION,
      files: z.array(z.strictObject({ name: z.string(), text: z.string() })),
      effects: z.string().nullable(),
    }),
  },
  'policy.diff': {
    ...read,
    path: '/v1/policy/diff',
    summary: 'What differs between two versions.',
    permission: 'policy.read',
    query: z.strictObject({ before: name, after: name }),
    response: DIFFERENCE,
  },
  'policy.preview': {
    ...read,
    path: '/v1/policy/preview/{agent}',
    summary: 'What an agent could do with everything the servers offer.',
    permission: 'policy.read',
    response: z.strictObject({
      agent: z.string(),
      version: z.string(),
      items: z.array(PREVIEW_ITEM),
    }),
  },
  'policy.replay': {
    ...read,
    method: 'POST',
    path: '/v1/policy/replay',
    summary: 'What would have come out differently under another policy directory.',
    permission: 'policy.read',
    body: REPLAY,
    maxBody: LARGE,
    response: z.strictObject({
      acceptable: z.boolean(),
      digest: z.string(),
      against: z.string().nullable(),
      difference: DIFFERENCE,
      policies: POLICY_REPORT,
      replay: REPLAY_REPORT.nullable(),
    }),
  },
  'policy.apply': {
    ...write,
    path: '/v1/policy/apply',
    summary:
      'Brings a policy directory into force: validated, kept, recorded, written and swapped in.',
    permission: 'policy.write',
    body: APPLY,
    maxBody: LARGE,
    response: CHANGED,
  },
  'policy.rollback': {
    ...write,
    path: '/v1/policy/rollback',
    summary: 'Brings an earlier version into force again.',
    permission: 'policy.write',
    body: z.strictObject({ version: name, reason: REASON }),
    response: CHANGED,
  },
} as const;
