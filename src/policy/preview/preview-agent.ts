import {
  type CompiledPolicy,
  type EntitySnapshot,
  type PartialRequest,
  undecidedParts,
} from '../cedar/index.ts';
import { placeholders } from '../decide/may-use.ts';
import { itemUids } from '../decide/prepare-request.ts';
import { createPrincipalEntities } from '../decide/principal-entities.ts';
import { agentUid, changed, serverUid } from '../live/resident-entities.ts';
import { NO_SERVER } from '../loader/validate-policies.ts';
import type { ActionKind, AgentFacts } from '../model.ts';
import { contributions, decidingIds, possibleEffects } from '../replay/possible-effects.ts';
import { unknownContext } from '../replay/unknown-context.ts';
import type { PolicySnapshot } from '../service/model.ts';

/** Something of a server that an agent may or may not use. */
export interface PreviewItem {
  readonly server: string;
  readonly kind: ActionKind;
  /** {@link ANY} for a resource or prompt: whichever the server has. */
  readonly target: string;
}

export const ANY = '*';

export interface PreviewedItem extends PreviewItem {
  /**
   * Whether the agent gets there: `always` and `never` hold for every argument, time and session. An approval counts as
   * getting there.
   */
  readonly verdict: 'always' | 'maybe' | 'never';
  /** Whether a person is asked first, when it gets there. */
  readonly approval: 'always' | 'maybe' | 'never';
  /** What a `maybe` hangs on. One of `permits` must hold, unless one is there that always does; none of `forbids`. */
  readonly conditions: readonly PreviewCondition[];
  /** Policies that make an `always` or a `never`; empty for a `never` because nothing permits. */
  readonly policies: readonly string[];
}

export interface PreviewCondition {
  readonly policy: string;
  readonly role: 'permits' | 'forbids' | 'asks';
  /** All of these; Cedar-like text. Empty when only the head of the policy decides. */
  readonly when: readonly string[];
}

const MAX_CONDITIONS = 20;

/**
 * What an agent could do with each item, whatever the arguments, the session and the time. Sound: `always` and `never`
 * are certain; `maybe` may be more cautious than necessary. A tool that policy does not know is `never`. Arguments that
 * do not fit a tool's schema are refused in any case and do not make an `always` a `maybe`.
 */
export function previewAgent(
  { live }: PolicySnapshot,
  agent: AgentFacts,
  items: readonly PreviewItem[],
): readonly PreviewedItem[] {
  const base = createPrincipalEntities()(live, agent);
  return items.map((item) => {
    const { server, kind, target } = item;
    const uids = itemUids(live, server, kind, target);
    const isAny = target === ANY && (kind === 'resource' || kind === 'prompt');
    const layers = live.layers.get(server) ?? live.layers.get(NO_SERVER);
    if (uids === undefined || layers === undefined) return never(item);
    const put =
      !isAny && base.find(uids.resource) === undefined
        ? placeholders(base, server, uids.resource, target)
        : [];
    const entities = put.length === 0 ? base : changed(base, put);
    const request: PartialRequest = {
      principal: agentUid(agent.name),
      action: uids.action,
      ...(isAny
        ? { resourceType: uids.resource.type, resourceWithin: serverUid(server) }
        : { resource: uids.resource }),
      context: unknownContext(kind, { approved: false }),
    };
    const given = contributions(live, server, layers, entities, request);
    if (given === undefined)
      return { ...never(item), verdict: 'maybe', approval: 'maybe' } satisfies PreviewedItem;
    const effects = possibleEffects(given);
    const through = effects.has('allow') || effects.has('hold');
    const verdict = !through ? 'never' : effects.has('deny') ? 'maybe' : 'always';
    const approval = !effects.has('hold') ? 'never' : effects.has('allow') ? 'maybe' : 'always';
    const soft = layers.enforced.soft;
    const told = (policy: CompiledPolicy): PreviewCondition => {
      const isSoft = soft?.get(policy.id) !== undefined;
      const policies = isSoft && soft !== undefined ? soft : layers.enforced.hard;
      return {
        policy: policy.id,
        role: policy.effect === 'permit' ? 'permits' : isSoft ? 'asks' : 'forbids',
        when: partsOf(policy, policies, entities, request),
      };
    };
    return {
      ...item,
      verdict,
      approval,
      conditions: through
        ? given.undecided.slice(0, MAX_CONDITIONS).map(({ policy }) => told(policy))
        : [],
      policies: through ? decidingIds(given, 'allow') : decidingIds(given, 'deny'),
    };
  });
}

function partsOf(
  policy: CompiledPolicy,
  policies: PartialSet,
  entities: EntitySnapshot,
  request: PartialRequest,
): readonly string[] {
  return undecidedParts(policy, { policies, entities }, request);
}
type PartialSet = Parameters<typeof undecidedParts>[1]['policies'];

function never(item: PreviewItem): PreviewedItem {
  return { ...item, verdict: 'never', approval: 'never', conditions: [], policies: [] };
}

/** The condition of a `maybe` in one line. */
export function conditionText({ verdict, approval, conditions }: PreviewedItem): string {
  const of = (role: PreviewCondition['role']): string[] =>
    conditions
      .filter((one) => one.role === role)
      .map(({ policy, when }) => (when.length === 0 ? policy : when.join(' && ')));
  const parts: string[] = [];
  const [permits, forbids, asks] = [of('permits'), of('forbids'), of('asks')];
  if (verdict === 'maybe' && permits.length > 0) parts.push(`when ${permits.join('  or  ')}`);
  if (verdict === 'maybe' && forbids.length > 0) parts.push(`unless ${forbids.join('  or  ')}`);
  if (approval === 'maybe' && asks.length > 0) parts.push(`approval when ${asks.join('  or  ')}`);
  if (approval === 'always') parts.push('needs approval');
  return parts.join('; ');
}
