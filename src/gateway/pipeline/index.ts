/**
 * The pipeline. Everything that guards a call is in these two lists, in this order.
 *
 * ADMISSION runs for every HTTP request; ACTION for everything an agent does to a server, and for its retries.
 */
import { type AdmissionStep, admitUnrevoked, authenticate } from './authenticate.ts';
import type { Step } from './call-context.ts';
import { checkDelegation } from './check-delegation.ts';
import { checkRevocation } from './check-revocation.ts';
import { decide } from './decide.ts';
import { forward } from './forward.ts';
import { holdForApproval } from './hold-for-approval.ts';
import { recordDecision } from './record-decision.ts';
import { recordOutcome } from './record-outcome.ts';
import { resolveTarget } from './resolve-target.ts';

export const ADMISSION: readonly AdmissionStep[] = [
  authenticate, //     who is calling?
  admitUnrevoked, //   is that still so?
];

export const ACTION: readonly Step[] = [
  checkRevocation, //  is the caller still allowed to act at all?
  resolveTarget, //    which server, which of its tools?
  decide, //           allow, deny or hold
  checkDelegation, //  within what came down the caller's chain?
  holdForApproval, //  a held call goes no further without a human
  recordDecision, //   durable, or nothing happens
  forward, //          the only step that reaches a server
  recordOutcome, //    what came of it
];
