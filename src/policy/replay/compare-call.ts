import { unionOfViews } from '../arguments/union-of-views.ts';
import type { EntitySnapshot } from '../cedar/index.ts';
import { compiledAuthorize, evaluateLayer } from '../decide/evaluate-layers.ts';
import { itemUids, type Prepared, prepareRequest } from '../decide/prepare-request.ts';
import type { PrincipalEntities } from '../decide/principal-entities.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import type { ServerLayers } from '../live/policy-layers.ts';
import { agentUid } from '../live/resident-entities.ts';
import { NO_SERVER } from '../loader/validate-policies.ts';
import type { ActionRequest, Effect } from '../model.ts';
import type { FindCandidates } from './candidates.ts';
import type { RecordedCall, Unreplayable } from './model.ts';
import {
  type Contributions,
  contributions,
  decidingIds,
  effectOf,
  possibleEffects,
  sumsOf,
  type Undecided,
} from './possible-effects.ts';
import { unknownContext } from './unknown-context.ts';

export type Comparison =
  | { readonly is: 'skipped'; readonly why: Unreplayable }
  | { readonly is: 'same'; readonly effect: Effect | undefined }
  | {
      readonly is: 'flip';
      readonly from: Effect;
      readonly to: Effect;
      readonly policy: string;
    }
  | {
      readonly is: 'unknown';
      readonly possible: readonly Effect[];
      readonly policies: readonly string[];
    };

/** Two states of the decision point, and whether their tools are the same, so that a request is put into words once. */
export interface ReplayPair {
  readonly before: LivePolicies;
  readonly after: LivePolicies;
  readonly sharedTools: boolean;
}

export function replayPair(before: LivePolicies, after: LivePolicies): ReplayPair {
  const names = new Set([...before.servers.keys(), ...after.servers.keys()]);
  const sharedTools =
    before.agents === after.agents &&
    [...names].every((name) => before.servers.get(name) === after.servers.get(name));
  if (!sharedTools) return { before, after, sharedTools };
  // A view that only one of the sets reads changes nothing for the other.
  const views = unionOfViews([before.views, after.views]);
  const { entities } = before;
  return { before: { ...before, views }, after: { ...after, views, entities }, sharedTools };
}

/**
 * How one recorded call comes out under both. With its arguments known this is two decisions. Without them it is three
 * valued: `same` and `flip` are proven for every possible value, and everything else is `unknown`. Two policies with
 * the same text come out alike whatever the arguments are, so that a change elsewhere leaves a call proven the same.
 *
 * Arguments that were not kept are taken to be readable: that none is too long, or a path with two readings.
 */
export function compareCall(
  pair: ReplayPair,
  call: RecordedCall,
  principal: PrincipalEntities,
  candidates?: FindCandidates,
): Comparison {
  let { before, after } = pair;
  let layersBefore = layersFor(before, call.server);
  let layersAfter = layersFor(after, call.server);
  if (layersBefore === undefined || layersAfter === undefined) return SKIPPED.tool_gone;
  if (call.kind === 'tool') {
    if (before.servers.get(call.server)?.tools.has(call.target) !== true) return SKIPPED.tool_gone;
    if (after.servers.get(call.server)?.tools.has(call.target) !== true) return SKIPPED.tool_gone;
  }
  const entities = principal(before, call.agent);
  if (candidates !== undefined && pair.sharedTools && call.kind === 'tool') {
    const found = candidates(
      call.agent,
      call.server,
      call.target,
      { live: before, layers: layersBefore },
      { live: after, layers: layersAfter },
      entities,
    );
    if (found === undefined) return UNTOUCHED;
    layersBefore = { enforced: found.before, observed: undefined };
    layersAfter = { enforced: found.after, observed: undefined };
    before = found.liveBefore;
    after = found.liveAfter;
  }
  if (!isKnown(call))
    return compareUnknown(pair, call, layersBefore, layersAfter, entities, principal);
  const request = requestOf(call);
  const first = prepareRequest(before, entities, request);
  const second = pair.sharedTools
    ? first
    : prepareRequest(after, principal(after, call.agent), request);
  const from = decided(first, layersBefore, call.approved);
  const to = decided(second, layersAfter, call.approved);
  if (from.effect === to.effect) return { is: 'same', effect: from.effect };
  return {
    is: 'flip',
    from: from.effect,
    to: to.effect,
    policy: to.policies[0] ?? from.policies[0] ?? '',
  };
}

const UNTOUCHED: Comparison = { is: 'same', effect: undefined };
const SKIPPED = Object.fromEntries(
  (['not_policy', 'incomplete', 'tool_gone', 'delegated', 'agent_unknown'] as const).map((why) => [
    why,
    { is: 'skipped', why },
  ]),
) as Record<Unreplayable, Comparison>;

function layersFor(live: LivePolicies, server: string): ServerLayers | undefined {
  return live.layers.get(server) ?? live.layers.get(NO_SERVER);
}

/** Everything a decision reads is there. Only tools have arguments that policy sees. */
function isKnown(call: RecordedCall): boolean {
  if (call.transport === undefined || call.era === undefined) return false;
  return call.kind !== 'tool' || call.arguments !== undefined;
}

function requestOf(call: RecordedCall): ActionRequest {
  const { agent, user, kind, method, server, target, time, transport, era, sessionId } = call;
  return {
    agent,
    ...(user === undefined ? {} : { user }),
    kind,
    method,
    server,
    target,
    ...(call.arguments?.value === undefined ? {} : { arguments: call.arguments.value }),
    session: {
      now: time,
      transport: transport ?? 'http',
      era: era ?? 'modern',
      approved: call.approved,
      ...(sessionId === undefined ? {} : { sessionId }),
    },
  };
}

const REFUSED = { effect: 'deny', policies: [] as readonly string[] } as const;

function decided(
  prepared: Prepared,
  layers: ServerLayers,
  approved: boolean,
): { readonly effect: Effect; readonly policies: readonly string[] } {
  if (!prepared.ok) return REFUSED;
  const { entities, cedar } = prepared;
  return evaluateLayer(layers.enforced, entities, cedar, approved, compiledAuthorize);
}

function compareUnknown(
  pair: ReplayPair,
  call: RecordedCall,
  layersBefore: ServerLayers,
  layersAfter: ServerLayers,
  entities: EntitySnapshot,
  principal: PrincipalEntities,
): Comparison {
  const context = unknownContext(call.kind, {
    now: call.time,
    method: call.method,
    approved: call.approved,
    user: call.user ?? null,
    sessionId: call.sessionId ?? null,
    ...(call.transport === undefined ? {} : { transport: call.transport }),
    ...(call.era === undefined ? {} : { era: call.era }),
  });
  const side = (
    live: LivePolicies,
    layers: ServerLayers,
    with_: EntitySnapshot,
  ): Contributions | undefined => {
    const uids = itemUids(live, call.server, call.kind, call.target);
    if (uids === undefined) return undefined;
    const request = { principal: agentUid(call.agent.name), ...uids, context };
    return contributions(live, call.server, layers, with_, request);
  };
  const from = side(pair.before, layersBefore, entities);
  const to = side(
    pair.after,
    layersAfter,
    pair.sharedTools ? entities : principal(pair.after, call.agent),
  );
  if (from === undefined || to === undefined)
    return { is: 'unknown', possible: ['allow', 'hold', 'deny'], policies: [] };
  return compareContributions(pair, call, from, to);
}

function compareContributions(
  pair: ReplayPair,
  call: RecordedCall,
  from: Contributions,
  to: Contributions,
): Comparison {
  const shared = pair.sharedTools ? sharedOf(from.undecided, to.undecided) : [];
  const digests = new Set(shared.map(({ digest }) => digest));
  const rest = (all: readonly Undecided[]): readonly Undecided[] =>
    digests.size === 0 ? all : all.filter(({ digest }) => !digests.has(digest));
  const [both, left, right] = [sumsOf(shared), rest(from.undecided), rest(to.undecided)];
  const [leftSums, rightSums] = [sumsOf(left), sumsOf(right)];
  // What was recorded under this very version rules out the arguments that would have led elsewhere.
  const recorded = call.policyVersion === pair.before.version ? call.effect : undefined;
  let effect: Effect | undefined;
  let flip: { from: Effect; to: Effect } | undefined;
  let mixed = false;
  let same = false;
  const possible = new Set<Effect>();
  for (const sum of both) {
    for (const one of leftSums) {
      const was = effectOf(from.certain | sum | one, call.approved);
      if (recorded !== undefined && was !== recorded) continue;
      for (const other of rightSums) {
        const is = effectOf(to.certain | sum | other, call.approved);
        possible.add(is);
        if (was === is) {
          same = true;
          effect = effect === undefined || effect === was ? was : undefined;
        } else if (flip === undefined) flip = { from: was, to: is };
        else if (flip.from !== was || flip.to !== is) mixed = true;
      }
    }
  }
  if (flip === undefined && same) return { is: 'same', effect };
  if (flip !== undefined && !same && !mixed) {
    const policy = decidingIds(to, flip.to)[0] ?? decidingIds(from, flip.from)[0];
    return {
      is: 'flip',
      ...flip,
      policy: policy ?? right[0]?.policy.id ?? left[0]?.policy.id ?? '',
    };
  }
  const hangsOn = [...right, ...left, ...shared].map(({ policy }) => policy.id);
  return {
    is: 'unknown',
    // The record contradicts both: something else than the policies has changed.
    possible: possible.size === 0 ? [...possibleEffects(to, call.approved)] : [...possible],
    policies: [...new Set(hangsOn)].slice(0, 5),
  };
}

/** Undecided on both sides with the same text, so alike. */
function sharedOf(a: readonly Undecided[], b: readonly Undecided[]): readonly Undecided[] {
  const there = new Set(b.map(({ digest }) => digest));
  return a.filter(({ digest }) => there.has(digest));
}
