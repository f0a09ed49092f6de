import { z } from 'zod';

/** AuthZEN Authorization API 1.0, sections 5 to 7. Unknown members are ignored, as it demands. */

const text = (max: number) => z.string().min(1).max(max);
const properties = z.record(z.string(), z.unknown()).optional();

const SUBJECT = z.object({ type: text(64), id: text(320), properties });
const ACTION = z.object({ name: text(128), properties });
const RESOURCE = z.object({ type: text(64), id: text(8_192), properties });
const CONTEXT = z.record(z.string(), z.unknown());

export const EVALUATION = z.object({
  subject: SUBJECT,
  action: ACTION,
  resource: RESOURCE,
  context: CONTEXT.optional(),
});
export type Evaluation = z.output<typeof EVALUATION>;

export const SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const;

/** The members of a batch are looked at one by one, so that one bad item does not cost the others. */
export const BATCH = z.object({
  subject: z.unknown().optional(),
  action: z.unknown().optional(),
  resource: z.unknown().optional(),
  context: z.unknown().optional(),
  evaluations: z.array(z.record(z.string(), z.unknown())).optional(),
  options: z.object({ evaluations_semantic: z.enum(SEMANTICS).default('execute_all') }).optional(),
});
