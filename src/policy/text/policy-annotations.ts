import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../kernel/index.ts';

export type PolicyMode = 'enforce' | 'observe' | 'off';

/** Who may approve what this forbid holds, and for how long an approval lasts. */
export interface ApprovalRule {
  readonly approvers: string;
  /** Milliseconds. */
  readonly ttlMs: number;
}

/** The annotations that have a meaning; others are kept by the evaluator and ignored here. */
export interface PolicyAnnotations {
  readonly id: string | undefined;
  readonly mode: PolicyMode;
  readonly reason: string | undefined;
  readonly approval: ApprovalRule | undefined;
  readonly obligations: readonly string[];
}

export type AnnotationReading =
  | { readonly ok: true; readonly annotations: PolicyAnnotations }
  | { readonly ok: false; readonly problem: string };

const ID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/;
const APPROVAL = /^([^,]{1,100}),\s*([1-9][0-9]{0,5})\s*(s|m|h|d)$/;
const OBLIGATION = /^[a-z][a-z0-9_]{0,63}(?:=[A-Za-z0-9._:/-]{1,200})?$/;
const UNITS = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS } as const;
const MAX_REASON = 300;

/** Reads `@id`, `@mode`, `@reason`, `@approval` and `@obligation`. A malformed one refuses the policy. */
export function readAnnotations(
  raw: Readonly<Record<string, string>>,
  effect: 'permit' | 'forbid',
): AnnotationReading {
  const id = raw['id'];
  if (id !== undefined && !ID.test(id))
    return refuse('@id takes letters, digits, `.`, `_`, `-` and `/`, at most 100');
  const mode = raw['mode'] ?? 'enforce';
  if (mode !== 'enforce' && mode !== 'observe' && mode !== 'off')
    return refuse('@mode is "enforce", "observe" or "off"');
  const reason = raw['reason'];
  if (reason !== undefined && reason.length > MAX_REASON)
    return refuse(`@reason takes at most ${MAX_REASON} characters`);
  const approval = raw['approval'] === undefined ? undefined : approvalRule(raw['approval']);
  if (typeof approval === 'string') return refuse(approval);
  if (approval !== undefined && effect === 'permit')
    return refuse('@approval belongs on a forbid: it turns that forbid into a question');
  const obligations = (raw['obligation'] ?? '').split(',').map((part) => part.trim());
  const named = obligations.filter((part) => part !== '');
  if (!named.every((part) => OBLIGATION.test(part)))
    return refuse('@obligation is a list such as "redact, log_level=debug"');
  return { ok: true, annotations: { id, mode, reason, approval, obligations: named } };
}

function approvalRule(text: string): ApprovalRule | string {
  const match = APPROVAL.exec(text.trim());
  const unit = match?.[3];
  if (match === null || (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd'))
    return '@approval is "approvers, time", for example "operators, 15m" (s, m, h or d)';
  return { approvers: (match[1] ?? '').trim(), ttlMs: Number(match[2]) * UNITS[unit] };
}

function refuse(problem: string): AnnotationReading {
  return { ok: false, problem };
}
