import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../kernel/index.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import { PASS_ID, type ServerLayers } from '../live/policy-layers.ts';
import type { LoadedPolicy } from '../loader/policy-source.ts';
import type { ActionRequest, Reason } from '../model.ts';
import { describeAction } from './describe-action.ts';
import type { Outcome } from './evaluate-layers.ts';
import { nearMisses } from './near-misses.ts';
import type { Prepared } from './prepare-request.ts';

export interface ReasonContext {
  readonly live: LivePolicies;
  readonly request: ActionRequest;
  readonly layers: ServerLayers;
  readonly prepared: Extract<Prepared, { ok: true }>;
  readonly outcome: Outcome;
}

/** Policies named in one refusal. */
const MAX_REASONS = 3;

/**
 * Why a call was refused or held, for a model and for its developer: which policy, which condition, and what next.
 * Conditions are quoted from policies; values of the call never are.
 */
export function reasonsFor(context: ReasonContext): readonly Reason[] {
  const { live, outcome } = context;
  const policies = outcome.policies
    .filter((id) => id !== PASS_ID)
    .map((id) => live.policies.get(id))
    .filter((policy) => policy !== undefined)
    .slice(0, MAX_REASONS);
  switch (outcome.code) {
    case 'forbidden':
      return policies.map((policy) => forbidden(policy));
    case 'approval_required':
      return policies.map((policy) => held(policy));
    case 'policy_error':
      return [faulty(outcome, policies[0])];
    case 'no_permit':
      return [noPermit(context), ...missed(context)];
    case 'permitted':
      return [{ code: 'permitted', message: 'A policy permits it.' }];
  }
}

function forbidden({ id, annotations }: LoadedPolicy): Reason {
  const why = annotations.reason === undefined ? '' : `: ${sentence(annotations.reason)}`;
  const next = ' Repeating the call changes nothing; ask for something this policy does not cover.';
  return {
    code: 'forbidden',
    policy: id,
    message: `Policy ${id} forbids it${why === '' ? '.' : why}${next}`,
  };
}

function held({ id, annotations }: LoadedPolicy): Reason {
  const { reason, approval } = annotations;
  const why = reason === undefined ? '.' : `: ${sentence(reason)}`;
  const who = approval === undefined ? 'Somebody' : approval.approvers;
  const lasts = approval === undefined ? '' : `, which then lasts ${spanText(approval.ttlMs)}`;
  return {
    code: 'approval_required',
    policy: id,
    message: `Policy ${id} wants a person to agree first${why} ${who} can approve it${lasts}; then call again.`,
  };
}

function faulty({ fault }: Outcome, policy: LoadedPolicy | undefined): Reason {
  const which = policy === undefined ? 'The policies' : `Policy ${policy.id}`;
  return {
    code: 'policy_error',
    message: `${which} could not be evaluated (${fault ?? 'unknown fault'}), so the call is denied. An operator can see more with \`sallyport policy explain\`.`,
    ...(policy === undefined ? {} : { policy: policy.id }),
  };
}

function noPermit({ request }: ReasonContext): Reason {
  return {
    code: 'no_permit',
    message: `No policy permits agent ${request.agent.name} to ${describeAction(request)}.`,
  };
}

function missed(context: ReasonContext): Reason[] {
  return nearMisses(context, MAX_REASONS).map(({ policy, condition }) => ({
    code: 'condition_false',
    policy,
    message: `Policy ${policy} would permit it if this held: ${condition}.`,
  }));
}

/** Ends with a full stop, so that sentences can follow. */
function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** `90 s`, `15 min`, `4 h`, `7 d`: the largest unit that divides it. */
function spanText(ms: number): string {
  const units = [
    [DAY_MS, 'd'],
    [HOUR_MS, 'h'],
    [MINUTE_MS, 'min'],
  ] as const;
  const unit = units.find(([size]) => ms % size === 0);
  return unit === undefined ? `${ms / SECOND_MS} s` : `${ms / unit[0]} ${unit[1]}`;
}
