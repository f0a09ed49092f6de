import { type DemandedViews, demandedViews } from '../arguments/demanded-views.ts';
import { unionOfViews } from '../arguments/union-of-views.ts';
import {
  type CompiledPolicy,
  type EntitySnapshot,
  fits,
  fittingPolicies,
  PolicySet,
} from '../cedar/index.ts';
import { itemUids } from '../decide/prepare-request.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import type { PolicyLayer, ServerLayers } from '../live/policy-layers.ts';
import { agentUid } from '../live/resident-entities.ts';
import type { AgentFacts } from '../model.ts';

/** What may matter to the calls of one agent to one tool. */
export interface Candidates {
  /** The states, with the views that these policies read and no others. */
  readonly liveBefore: LivePolicies;
  readonly liveAfter: LivePolicies;
  readonly before: PolicyLayer;
  readonly after: PolicyLayer;
}

export interface Side {
  readonly live: LivePolicies;
  readonly layers: ServerLayers;
}

interface Differing {
  readonly removed: readonly CompiledPolicy[];
  readonly added: readonly CompiledPolicy[];
}

/** Undefined: the same policies fit on both sides, so no arguments can make a difference. */
export type FindCandidates = (
  agent: AgentFacts,
  server: string,
  tool: string,
  before: Side,
  after: Side,
  entities: EntitySnapshot,
) => Candidates | undefined;

/** Pairs of agent and tool that are remembered; a history names few, and memory must not grow with it. */
const MAX_REMEMBERED = 50_000;

/**
 * Cuts both policy sets down to the policies whose head fits, once per agent and tool. For states that share their tools
 * and entities only.
 */
export function createCandidates(): FindCandidates {
  const differences = new Map<string, Differing>();
  let known = new WeakMap<AgentFacts, Map<string, Map<string, Candidates | undefined>>>();
  let size = 0;

  const toolsOf = (agent: AgentFacts, server: string): Map<string, Candidates | undefined> => {
    if (size >= MAX_REMEMBERED) {
      known = new WeakMap();
      size = 0;
    }
    let servers = known.get(agent);
    if (servers === undefined) {
      servers = new Map();
      known.set(agent, servers);
    }
    let tools = servers.get(server);
    if (tools === undefined) {
      tools = new Map();
      servers.set(server, tools);
    }
    return tools;
  };

  const differing = (server: string, before: Side, after: Side): Differing => {
    let found = differences.get(server);
    if (found === undefined) {
      found = { removed: missing(before, after), added: missing(after, before) };
      differences.set(server, found);
    }
    return found;
  };

  return (agent, server, tool, before, after, entities) => {
    const tools = toolsOf(agent, server);
    const hit = tools.get(tool);
    if (hit !== undefined || tools.has(tool)) return hit;
    size++;
    const uids = itemUids(before.live, server, 'tool', tool);
    if (uids === undefined) throw new Error('candidates of an unknown tool');
    const request = { principal: agentUid(agent.name), ...uids };
    const { added, removed } = differing(server, before, after);
    const fitsHere = (policy: CompiledPolicy): boolean => fits(policy, entities, request);
    const [goes, comes] = [removed.filter(fitsHere), added.filter(fitsHere)];
    if (goes.length + comes.length === 0) {
      tools.set(tool, undefined);
      return undefined;
    }
    const left = fitting(before.layers.enforced, entities, request);
    const right = fitting(after.layers.enforced, entities, request);
    const views = unionOfViews([
      ...left.all.map((one) => viewsOf(before.live, one)),
      ...right.all.map((one) => viewsOf(after.live, one)),
    ]);
    const made: Candidates = {
      before: left.layer,
      after: right.layer,
      liveBefore: { ...before.live, views },
      liveAfter: { ...after.live, views },
    };
    tools.set(tool, made);
    return made;
  };
}

/** The policies of one side that the other does not have as often. Equal texts are equal policies, in the same layer. */
function missing(side: Side, other: Side): CompiledPolicy[] {
  const there = new Map<string, number>();
  for (const { digest } of textsOf(other)) there.set(digest, (there.get(digest) ?? 0) + 1);
  return textsOf(side).flatMap(({ policy, digest }) => {
    const left = there.get(digest) ?? 0;
    there.set(digest, left - 1);
    return left > 0 ? [] : [policy];
  });
}

function textsOf({ live, layers }: Side): { policy: CompiledPolicy; digest: string }[] {
  const { hard, soft } = layers.enforced;
  return [...hard.policies(), ...(soft?.policies() ?? [])].flatMap((policy) => {
    // The pass policy is no author's, and the same on both sides.
    const digest = live.policies.get(policy.id)?.digest;
    return digest === undefined ? [] : [{ policy, digest }];
  });
}

function fitting(
  { hard, soft }: PolicyLayer,
  entities: EntitySnapshot,
  request: Parameters<typeof fits>[2],
): { readonly layer: PolicyLayer; readonly all: readonly CompiledPolicy[] } {
  const plain = fittingPolicies({ policies: hard, entities }, request);
  const asking = soft === undefined ? [] : fittingPolicies({ policies: soft, entities }, request);
  const layer = { hard: setOf(plain), soft: soft === undefined ? undefined : setOf(asking) };
  return { layer, all: [...plain, ...asking] };
}

const viewsByPolicy = new WeakMap<object, DemandedViews>();

function viewsOf(live: LivePolicies, { id }: CompiledPolicy): DemandedViews {
  const policy = live.policies.get(id);
  if (policy === undefined) return NO_VIEWS;
  let known = viewsByPolicy.get(policy);
  if (known === undefined) {
    known = demandedViews([policy.est]);
    viewsByPolicy.set(policy, known);
  }
  return known;
}

const NO_VIEWS: DemandedViews = demandedViews([]);

function setOf(put: readonly CompiledPolicy[]): PolicySet {
  const made = PolicySet.empty.with({ put });
  if (!made.ok) throw new Error(`policy set: ${made.error.problem}`);
  return made.value;
}
