import type { Clock } from '../../kernel/index.ts';
import { DAY_MS, isAppError, SECOND_MS } from '../../kernel/index.ts';
import type { AgentKeys } from '../credentials/agent-keys.ts';
import type { PublicKey } from '../keys/jwk.ts';
import type { Actor, Agent, Blueprint } from '../model.ts';
import type { RecordChange } from '../record-change.ts';
import type { Blueprints } from '../registry/blueprints.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { unusable } from '../registry/transitions.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { IssueSequence } from '../tokens/sequence.ts';
import type { CallBudgets } from './call-budgets.ts';
import type { AgentToolDetail } from './details.ts';
import type { MintRights } from './mint-rights.ts';
import { narrow, type Rights, underCeiling } from './rights.ts';

/** Ids in a path, the root and the leaf included. */
const MAX_PATH = 8;
const MAX_LIFE_MS = DAY_MS;
const DEFAULT_LIFE_MS = 60 * 60 * SECOND_MS;
/** Children of an agent whose blueprint is not registered (instances only). */
const DEFAULT_CHILDREN = 16;
const MAX_PURPOSE = 300;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

/** The subject of a delegation: a live token whose holder proved that it is theirs, or named the child. */
export interface Subject {
  readonly token: AccessToken;
  /** The agents of its path, root first. */
  readonly chain: readonly [Agent, ...Agent[]];
}

export interface ChildRequest {
  readonly kind: 'instance' | 'subagent';
  readonly key: PublicKey;
  readonly resource: string;
  readonly blueprint?: string;
  readonly purpose?: string;
  /** How long the child may live; an hour unless said, 24 hours at most, and never longer than its parent. */
  readonly lifeMs?: number;
  readonly details?: readonly AgentToolDetail[];
}

/** Why nothing was delegated; `code` is an OAuth error, `problem` is for the developer and holds no input. */
export interface DelegationRefusal {
  readonly ok: false;
  readonly code: 'invalid_request' | 'unauthorized_client' | 'invalid_authorization_details';
  readonly problem: string;
}

export interface Delegated {
  readonly ok: true;
  readonly agent: Agent;
  readonly path: readonly string[];
  readonly rights?: Rights;
  readonly txn: string;
  /** When this was settled, for the token's place in the issue order. */
  readonly sequence: number;
}

export interface Delegate {
  /** Makes an instance or sub-agent below the subject's agent. Recorded first. */
  spawn(subject: Subject, request: ChildRequest): Promise<Delegated | DelegationRefusal>;
  /** Lets a registered agent act below the subject's agent. Recorded first. */
  handOver(
    subject: Subject,
    to: Agent,
    details: readonly AgentToolDetail[] | undefined,
  ): Promise<Delegated | DelegationRefusal>;
  /** May this agent make children at all? */
  mayDelegate(agent: Agent): boolean;
}

export interface DelegateDeps {
  readonly registry: AgentRegistry;
  readonly blueprints: Blueprints;
  readonly mintRights: MintRights;
  readonly agentKeys: AgentKeys;
  readonly budgets: CallBudgets;
  readonly sequence: IssueSequence;
  readonly record: RecordChange;
  readonly clock: Clock;
}

const refuse = (code: DelegationRefusal['code'], problem: string): DelegationRefusal => ({
  ok: false,
  code,
  problem,
});

/** Delegation that can only narrow: every check that a child must pass before it exists, in this one place. */
export function createDelegate(deps: DelegateDeps): Delegate {
  const { registry, blueprints, mintRights, agentKeys, budgets, sequence, record, clock } = deps;
  const { blueprintOf } = mintRights;

  /** RFC 8693 leaves the rules of a chain to us: one more level must be within every ancestor's own bound. */
  const depthProblem = (chain: readonly Agent[]): string | undefined => {
    if (chain.length >= MAX_PATH) return 'the chain is as long as it may be';
    for (const [index, agent] of chain.entries()) {
      const blueprint = blueprintOf(agent);
      if (blueprint !== undefined && chain.length - index > blueprint.maxDepth)
        return 'the chain is as deep as the blueprint of one of its agents allows';
    }
    return undefined;
  };

  const childBlueprint = (
    parent: Agent,
    asked: string | undefined,
  ): Blueprint | DelegationRefusal => {
    const own = blueprintOf(parent);
    if (own === undefined || own.maySpawn.length === 0)
      return refuse('unauthorized_client', 'the blueprint of the agent does not let it delegate');
    const name =
      asked ??
      (own.maySpawn.includes(own.name)
        ? own.name
        : own.maySpawn.length === 1
          ? own.maySpawn[0]
          : undefined);
    if (name === undefined) return refuse('invalid_request', 'name the blueprint of the child');
    const found = own.maySpawn.includes(name) ? blueprints.get(name) : undefined;
    if (found === undefined || found.disabledAt !== undefined)
      return refuse('unauthorized_client', 'the agent may not make children of this blueprint');
    return found;
  };

  /** What the child gets: a part of the parent's rights, under the child's own ceiling. */
  const childRights = (
    parent: Rights | undefined,
    blueprint: Blueprint,
    asked: readonly AgentToolDetail[] | undefined,
  ): Rights | DelegationRefusal => {
    const requested = asked ?? blueprint.needs;
    if (requested === undefined)
      return refuse('invalid_authorization_details', 'say what the child may do');
    const narrowed = narrow(parent, requested, 'handed_down', budgets.newId);
    if (!narrowed.ok) return refuse('invalid_authorization_details', narrowed.problem);
    if (blueprint.ceiling === undefined) return narrowed.rights;
    const under = underCeiling(narrowed.rights, blueprint.ceiling);
    return under.ok ? under.rights : refuse('invalid_authorization_details', under.problem);
  };

  const by = (parent: Agent): Actor => ({
    user: parent.id,
    channel: 'system',
    reason: 'token exchange',
  });
  const isRefusal = (value: object): value is DelegationRefusal =>
    'ok' in value && value.ok === false;
  const leafOf = ({ chain }: Subject): Agent => chain.at(-1) ?? chain[0];
  const txnOf = ({ token }: Subject): string => token.txn ?? token.jti;

  return {
    mayDelegate(agent) {
      const blueprint = blueprintOf(agent);
      return blueprint !== undefined && blueprint.maySpawn.length > 0;
    },

    async spawn(subject, request) {
      const { token, chain } = subject;
      const parent = leafOf(subject);
      // Before anything is awaited: a revocation from here on is newer than the child.
      const settled = sequence.next();
      const tooDeep = depthProblem(chain);
      if (tooDeep !== undefined) return refuse('unauthorized_client', tooDeep);
      const purpose = request.purpose?.trim();
      if (
        purpose !== undefined &&
        (purpose === '' || purpose.length > MAX_PURPOSE || UNPRINTABLE.test(purpose))
      )
        return refuse(
          'invalid_request',
          `the purpose is one line of at most ${MAX_PURPOSE} characters`,
        );
      const lifeMs = request.lifeMs ?? DEFAULT_LIFE_MS;
      if (!Number.isSafeInteger(lifeMs) || lifeMs < SECOND_MS || lifeMs > MAX_LIFE_MS)
        return refuse('invalid_request', 'a child lives 1 second to 24 hours');
      if (request.key.thumbprint === token.jkt)
        return refuse('invalid_request', 'the child needs a key of its own');

      let rights: Rights | undefined;
      let blueprint = blueprintOf(parent);
      const { maxChildren } = blueprint ?? { maxChildren: DEFAULT_CHILDREN };
      if (request.kind === 'instance') {
        if (parent.kind !== undefined)
          return refuse('unauthorized_client', 'only a registered agent has instances');
        if (request.blueprint !== undefined && request.blueprint !== parent.blueprint)
          return refuse('invalid_request', 'an instance has the blueprint of its agent');
        rights = token.rights;
        if (request.details !== undefined) {
          const narrowed = narrow(token.rights, request.details, 'within', budgets.newId);
          if (!narrowed.ok) return refuse('invalid_authorization_details', narrowed.problem);
          rights = narrowed.rights;
        }
      } else {
        const found = childBlueprint(parent, request.blueprint);
        if (isRefusal(found)) return found;
        blueprint = found;
        const given = childRights(token.rights, found, request.details);
        if (isRefusal(given)) return given;
        rights = given;
      }

      try {
        const child = await registry.spawn(
          {
            kind: request.kind,
            parent,
            parentPath: token.path,
            blueprint: request.kind === 'instance' ? parent.blueprint : blueprint?.name,
            purpose:
              purpose ??
              (request.kind === 'instance' ? parent.purpose : (blueprint?.purpose ?? '')),
            expiresAt: clock.now() + lifeMs,
            maxChildren,
            delegation: {
              ...(rights === undefined ? {} : { rights }),
              txn: txnOf(subject),
              resource: request.resource,
              sequence: settled,
              ...(token.user === undefined ? {} : { user: token.user }),
              ...(token.grantId === undefined ? {} : { grantId: token.grantId }),
              ...rootClientOf(token),
            },
            detail: { txn: txnOf(subject), depth: token.path.length, key: request.key.thumbprint },
          },
          by(parent),
          (made) => agentKeys.adopt(made.id, request.key),
        );
        if (child === undefined)
          return refuse('unauthorized_client', 'the agent has as many children as it may have');
        return {
          ok: true,
          agent: child,
          path: child.delegation?.path ?? [],
          ...(rights === undefined ? {} : { rights }),
          txn: txnOf(subject),
          sequence: settled,
        };
      } catch (error) {
        if (isAppError(error) && error.code === 'IDENTITY_KEY_TAKEN')
          return refuse('invalid_request', 'the child needs a key of its own');
        throw error;
      }
    },

    async handOver(subject, to, details) {
      const { token, chain } = subject;
      const parent = leafOf(subject);
      const settled = sequence.next();
      const tooDeep = depthProblem(chain);
      if (tooDeep !== undefined) return refuse('unauthorized_client', tooDeep);
      if (to.kind !== undefined || token.path.includes(to.id))
        return refuse('unauthorized_client', 'this agent can take nothing over from the subject');
      if (unusable(to, clock.now()) !== undefined)
        return refuse('unauthorized_client', 'the agent may not get tokens now');
      const blueprint = childBlueprint(parent, to.blueprint ?? '');
      if (isRefusal(blueprint)) return blueprint;
      const rights = childRights(token.rights, blueprint, details);
      if (isRefusal(rights)) return rights;
      const path = [...token.path, to.id];
      const at = clock.now();
      await record(
        {
          action: 'agent.delegate',
          agentId: to.id,
          target: to.id,
          detail: { parent: parent.id, txn: txnOf(subject), depth: token.path.length },
          actor: by(parent),
          at,
        },
        'widening',
        async () => {},
      );
      return { ok: true, agent: to, path, rights, txn: txnOf(subject), sequence: settled };
    },
  };
}

/** The interactive client that the chain began with: removing it ends the chain. */
export function rootClientOf(token: AccessToken): { readonly clientId?: string } {
  const client = token.rootClient ?? token.clientId;
  return token.path.includes(client) ? {} : { clientId: client };
}
