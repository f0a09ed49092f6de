import type { LivePolicies } from '../live/live-policies.ts';
import type { Misspelt } from '../live/misspelt-forbids.ts';
import { PASS_ID, type ServerLayers } from '../live/policy-layers.ts';
import { NO_SERVER } from '../loader/validate-policies.ts';
import type { ActionRequest, Decision, Effect, Reason } from '../model.ts';
import { type Authorize, evaluateLayer, type Outcome } from './evaluate-layers.ts';
import { type Prepared, prepareRequest } from './prepare-request.ts';
import type { PrincipalEntities } from './principal-entities.ts';
import { reasonsFor } from './reasons-for.ts';

export type GatewayMode = 'enforce' | 'observe';

/** What a decision was made from, for the referee. */
export interface DecisionTrace {
  readonly request: ActionRequest;
  readonly live: LivePolicies;
  readonly layers: ServerLayers;
  readonly prepared: Extract<Prepared, { ok: true }>;
}

export interface DecideDeps {
  readonly mode: GatewayMode;
  readonly principal: PrincipalEntities;
  readonly ask: Authorize;
  readonly onDecided?: (trace: DecisionTrace, decision: Decision) => void;
}

const NONE: readonly never[] = Object.freeze([]);
const PERMITTED: readonly Reason[] = [{ code: 'permitted', message: 'A policy permits it.' }];

/** The decision, in the given mode. Throws only where the evaluator's bounds are broken; the caller denies then. */
export function decideWith(live: LivePolicies, request: ActionRequest, deps: DecideDeps): Decision {
  const entities = deps.principal(live, request.agent);
  const prepared = prepareRequest(live, entities, request);
  if (!prepared.ok) return inMode(deps.mode, deny(live.version, prepared.reason));
  const misspelt =
    request.kind === 'tool' ? live.misspelt.get(request.server)?.get(request.target) : undefined;
  if (misspelt !== undefined) return inMode(deps.mode, unjudged(live.version, misspelt));
  const layers = live.layers.get(request.server) ?? live.layers.get(NO_SERVER);
  if (layers === undefined) throw new Error('no policies for any server');
  const approved = request.session.approved === true;
  const { cedar } = prepared;
  const outcome = evaluateLayer(layers.enforced, prepared.entities, cedar, approved, deps.ask);
  let decision = decisionOf(live, request, layers, prepared, outcome);
  if (layers.observed !== undefined) {
    const { effect } = evaluateLayer(layers.observed, prepared.entities, cedar, approved, deps.ask);
    if (effect !== outcome.effect) decision = { ...decision, observed: effect };
  }
  deps.onDecided?.({ request, live, layers, prepared }, decision);
  return inMode(deps.mode, decision);
}

/** A deny that no policy made. */
export function deny(version: string, reason: Reason): Decision {
  return {
    effect: 'deny',
    reasons: [reason],
    policies: NONE,
    errors: NONE,
    obligations: NONE,
    policyVersion: version,
  };
}

/** Whether the forbid is about this tool only its author can say; until then it is. */
function unjudged(version: string, { policy, named }: Misspelt): Decision {
  const message = `Policy ${policy} forbids ${JSON.stringify(named)}, which this server does not have and which may mean this tool, so the call is denied until an operator corrects the policy; \`sallyport policy status\` says more.`;
  return { ...deny(version, { code: 'policy_error', policy, message }), errors: [policy] };
}

/** In observe mode everything passes, and the record says what enforcing would have said. */
export function inMode(mode: GatewayMode, decision: Decision): Decision {
  if (mode === 'enforce') return decision;
  const { approval: _, ...rest } = decision;
  return { ...rest, effect: 'allow', observed: strictest(decision) };
}

function strictest(decision: Decision): Effect {
  return decision.effect === 'allow' ? (decision.observed ?? 'allow') : decision.effect;
}

function decisionOf(
  live: LivePolicies,
  request: ActionRequest,
  layers: ServerLayers,
  prepared: Extract<Prepared, { ok: true }>,
  outcome: Outcome,
): Decision {
  const { effect, policies, errors } = outcome;
  const approval = effect === 'hold' ? approvalOf(live, policies) : undefined;
  return {
    effect,
    reasons:
      effect === 'allow' ? PERMITTED : reasonsFor({ live, request, layers, prepared, outcome }),
    policies,
    errors,
    obligations: obligationsOf(live, outcome),
    policyVersion: live.version,
    ...(approval === undefined ? {} : { approval }),
  };
}

function obligationsOf(live: LivePolicies, { permits }: Outcome): readonly string[] {
  let out: string[] | undefined;
  for (const id of permits) {
    const named = live.policies.get(id)?.annotations.obligations;
    if (named === undefined || named.length === 0) continue;
    out ??= [];
    for (const obligation of named) if (!out.includes(obligation)) out.push(obligation);
  }
  return out ?? NONE;
}

/** All forbids must be lifted, so everybody named is asked, and the shortest time holds. */
function approvalOf(live: LivePolicies, policies: readonly string[]): Decision['approval'] {
  const approvers = new Set<string>();
  let ttlMs = Number.POSITIVE_INFINITY;
  for (const id of policies) {
    const rule = id === PASS_ID ? undefined : live.policies.get(id)?.annotations.approval;
    if (rule === undefined) continue;
    approvers.add(rule.approvers);
    ttlMs = Math.min(ttlMs, rule.ttlMs);
  }
  // Without a rule there is nobody who could approve: the caller's fault handling turns this into a deny.
  if (approvers.size === 0) throw new Error('held without an approval rule');
  return { approvers: [...approvers].join(' and '), ttlMs };
}
