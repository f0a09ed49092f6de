import type { Clock } from '../../kernel/index.ts';
import type { Agent, Blueprint } from '../model.ts';
import type { Blueprints } from '../registry/blueprints.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { unusable } from '../registry/transitions.ts';
import { blueprintMark, ownerMark, type Revocations, userMark } from '../revocations.ts';
import type { CallBudgets } from './call-budgets.ts';
import type { AgentToolDetail } from './details.ts';
import { narrow, type Rights, underCeiling } from './rights.ts';

export type MintOutcome =
  | { readonly ok: true; readonly rights: Rights | undefined }
  | {
      readonly ok: false;
      /** `grant`: the agent gets no token at all now; `details`: not with these details. */
      readonly what: 'grant' | 'details';
      readonly problem: string;
    };

export interface MintRights {
  /**
   * What a token that this agent asks for itself carries: what it was made with (an instance or sub-agent) or everything
   * (a registered agent), under the ceilings of the blueprints in its path as they are now, narrowed to `requested`.
   */
  ownRights(agent: Agent, requested: readonly AgentToolDetail[] | undefined): MintOutcome;
  /** The blueprint of an agent; undefined when it has none or its label names none that is registered. */
  blueprintOf(agent: Agent): Blueprint | undefined;
}

export interface MintRightsDeps {
  readonly blueprints: Blueprints;
  readonly registry: AgentRegistry;
  readonly revocations: Revocations;
  readonly budgets: CallBudgets;
  readonly clock: Clock;
}

/** The rights of tokens that come from no other token. Nothing here widens: each step is `narrow` or `underCeiling`. */
export function createMintRights(deps: MintRightsDeps): MintRights {
  const { blueprints, registry, revocations, budgets, clock } = deps;
  const blueprintOf = (agent: Agent): Blueprint | undefined =>
    agent.blueprint === undefined ? undefined : blueprints.get(agent.blueprint);

  /** Something it hangs on was revoked after it was made: it is over, though its key still signs. */
  const cutOff = (agent: Agent, chain: readonly Agent[]): boolean => {
    const { delegation } = agent;
    if (delegation === undefined) return false;
    const { user, grantId, clientId, sequence } = delegation;
    return [
      ...delegation.path,
      ...chain.flatMap((one) => one.owners.map(ownerMark)),
      ...chain.flatMap(({ blueprint }) =>
        blueprint === undefined ? [] : [blueprintMark(blueprint)],
      ),
      ...(user === undefined ? [] : [userMark(user)]),
      ...(grantId === undefined ? [] : [grantId]),
      ...(clientId === undefined ? [] : [clientId]),
    ].some((subject) => revocations.find(subject, sequence) !== undefined);
  };

  return {
    blueprintOf,
    ownRights(agent, requested) {
      const path = agent.delegation?.path ?? [agent.id];
      const chain: Agent[] = [];
      for (const id of path) {
        const one = registry.get(id);
        if (one === undefined || unusable(one, clock.now()) !== undefined)
          return { ok: false, what: 'grant', problem: 'an agent that it comes from is not active' };
        if (blueprintOf(one)?.disabledAt !== undefined)
          return { ok: false, what: 'grant', problem: 'a blueprint it stands under is disabled' };
        chain.push(one);
      }
      if (cutOff(agent, chain))
        return { ok: false, what: 'grant', problem: 'what it comes from was revoked' };

      let rights = agent.delegation?.rights;
      const own = blueprintOf(agent)?.ceiling;
      if (own !== undefined) {
        const bound: Rights = { details: own, counters: own.map(() => []) };
        const under =
          rights === undefined ? { ok: true as const, rights: bound } : underCeiling(rights, own);
        if (!under.ok) return { ok: false, what: 'grant', problem: under.problem };
        rights = under.rights;
      }
      if (requested === undefined) return { ok: true, rights };
      const narrowed = narrow(rights, requested, 'within', budgets.newId);
      return narrowed.ok
        ? { ok: true, rights: narrowed.rights }
        : { ok: false, what: 'details', problem: narrowed.problem };
    },
  };
}
