import { createPrincipalEntities } from '../decide/principal-entities.ts';
import type { Effect } from '../model.ts';
import type { PolicySnapshot } from '../service/model.ts';
import { createCandidates } from './candidates.ts';
import { type Comparison, compareCall, replayPair } from './compare-call.ts';
import type {
  FlipDirection,
  FlipExample,
  FlipGroup,
  RecordedCall,
  ReplayReport,
  UnknownGroup,
  Unreplayable,
} from './model.ts';

/** Groups that are told apart; what comes after them is counted only, so that memory stays bounded. */
const MAX_GROUPS = 2_000;
const MAX_EXAMPLES = 3;

export interface Replay {
  /** Replays one record. Synchronous, a few microseconds, never throws. */
  add(call: RecordedCall): Comparison['is'];
  /** Counts a record that could not be made into a call. */
  skip(why: Unreplayable): void;
  report(): ReplayReport;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Flip = Mutable<FlipGroup> & { examples: FlipExample[] };
type Open = Mutable<UnknownGroup> & { examples: FlipExample[]; possible: Effect[] };

const DIRECTION: Readonly<Record<Effect, FlipDirection>> = {
  deny: 'newly_denied',
  allow: 'newly_allowed',
  hold: 'newly_held',
};

/**
 * Replays recorded calls under two states of the policies and counts what differs. Compares policy with policy on the
 * same facts (the tools of now, the agents as recorded or else as they are now), not policy with record: calls where
 * the draft makes a difference possible and the policies of now already differ from the record are counted as drifted. Memory does not grow with the calls.
 */
export function createReplay(before: PolicySnapshot, after: PolicySnapshot): Replay {
  const pair = replayPair(before.live, after.live);
  const principal = createPrincipalEntities();
  const candidates = createCandidates();
  const flips = new Map<string, Flip>();
  const unknowns = new Map<string, Open>();
  const skipped: Record<Unreplayable, number> = {
    not_policy: 0,
    incomplete: 0,
    tool_gone: 0,
    delegated: 0,
    agent_unknown: 0,
  };
  let [calls, unchanged, flipped, unknown, flipsElsewhere, unknownsElsewhere, drifted] = [
    0, 0, 0, 0, 0, 0, 0,
  ];
  let from: number | undefined;
  let to: number | undefined;

  const noteFlip = (call: RecordedCall, flip: Extract<Comparison, { is: 'flip' }>): void => {
    const { agent, server, target } = call;
    const key = `${flip.from}${flip.to}\0${agent.name}\0${server}\0${target}\0${flip.policy}`;
    let group = flips.get(key);
    if (group === undefined) {
      if (flips.size >= MAX_GROUPS) {
        flipsElsewhere++;
        return;
      }
      const direction = DIRECTION[flip.to];
      group = {
        direction,
        from: flip.from,
        to: flip.to,
        agent: agent.name,
        server,
        target,
        policy: flip.policy,
        count: 0,
        examples: [],
      };
      flips.set(key, group);
    }
    group.count++;
    if (group.examples.length < MAX_EXAMPLES) group.examples.push(exampleOf(call));
  };

  const noteUnknown = (call: RecordedCall, open: Extract<Comparison, { is: 'unknown' }>): void => {
    const key = `${call.agent.name}\0${call.server}\0${call.target}\0${open.policies.join('\0')}`;
    let group = unknowns.get(key);
    if (group === undefined) {
      if (unknowns.size >= MAX_GROUPS) {
        unknownsElsewhere++;
        return;
      }
      group = {
        agent: call.agent.name,
        server: call.server,
        target: call.target,
        policies: open.policies,
        possible: [],
        count: 0,
        examples: [],
      };
      unknowns.set(key, group);
    }
    group.count++;
    for (const effect of open.possible)
      if (!group.possible.includes(effect)) group.possible.push(effect);
    if (group.examples.length < MAX_EXAMPLES) group.examples.push(exampleOf(call));
  };

  const compare = (call: RecordedCall): Comparison => {
    try {
      return compareCall(pair, call, principal, candidates);
    } catch {
      // A bound of the evaluator: the gateway would deny, but the draft is not what we know of.
      return { is: 'unknown', possible: ['deny'], policies: [] };
    }
  };

  return {
    add(call) {
      calls++;
      const result = compare(call);
      if (result.is === 'skipped') {
        skipped[result.why]++;
        return result.is;
      }
      if (from === undefined || call.time < from) from = call.time;
      if (to === undefined || call.time > to) to = call.time;
      if (result.is === 'same') {
        unchanged++;
        if (result.effect !== undefined && result.effect !== call.effect) drifted++;
      } else if (result.is === 'flip') {
        flipped++;
        if (result.from !== call.effect) drifted++;
        noteFlip(call, result);
      } else {
        unknown++;
        noteUnknown(call, result);
      }
      return result.is;
    },
    skip(why) {
      calls++;
      skipped[why]++;
    },
    report: () => ({
      before: before.version,
      after: after.version,
      calls,
      unchanged,
      flipped,
      unknown,
      skipped: { ...skipped },
      flips: byCount(flips.values()),
      flipsElsewhere,
      unknowns: byCount(unknowns.values()),
      unknownsElsewhere,
      drifted,
      from,
      to,
    }),
  };
}

function exampleOf({ seq, time, call }: RecordedCall): FlipExample {
  return { seq, time, ...(call === undefined ? {} : { call }) };
}

function byCount<T extends { readonly count: number }>(groups: Iterable<T>): T[] {
  return [...groups].sort((a, b) => b.count - a.count);
}
