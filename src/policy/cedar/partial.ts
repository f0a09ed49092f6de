import { AncestorSet } from './ancestor-set.ts';
import type { Scope } from './ast.ts';
import type { CompiledPolicy } from './compile-policy.ts';
import type { EntityNode, EntitySnapshot } from './entity-snapshot.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { Snapshot } from './model.ts';
import { evaluatePartially, type PartialWorld } from './partial-evaluate.ts';
import {
  asBoolean,
  FALSE,
  PartialRecord,
  type PartialUid,
  type PartialValue,
  SomeEntity,
  TRUE,
} from './partial-value.ts';
import { DIMENSIONS, type IndexNode, isSplit } from './policy-index.ts';
import { matchesScope } from './scope.ts';
import { CedarRecord, EntityUid, sameUid } from './values.ts';

export interface PartialRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  /** Left out: any resource, of `resourceType` if that is given. */
  readonly resource?: EntityUid;
  readonly resourceType?: string;
  /** The only parent of a resource that is left out. */
  readonly resourceWithin?: EntityUid;
  /**
   * What is known of the context. Every attribute that is missing, at any depth, counts as unknown: it may be there
   * or not, with any value.
   */
  readonly known?: CedarRecord;
  /** Instead of `known`: the context with its unknown places marked, and its closed records closed. */
  readonly context?: PartialRecord;
}

export type Possibility = 'never' | 'maybe' | 'always';

/**
 * Could this be allowed, for some completion of what is not known? `never` and `always` are certain for every
 * completion; `maybe` may be more cautious than necessary. Never throws: giving up is `maybe`, because the answer
 * only filters lists and the real decision follows.
 */
export function mayEverAllow(
  snapshot: Snapshot,
  request: PartialRequest,
  options: { readonly fuel?: number } = {},
): Possibility {
  const world = new UnknownWorld(
    snapshot.entities,
    request,
    options.fuel ?? 10 * DEFAULT_LIMITS.fuel,
  );
  try {
    let permit = 0;
    for (const policy of relevant(snapshot.policies.index, world)) {
      const may = satisfaction(policy, world);
      if (policy.effect === 'forbid') {
        if (may === TRUE) return 'never';
        if ((may & TRUE) !== 0) world.contested = true;
      } else if ((may & TRUE) !== 0 && permit !== TRUE) {
        permit = may;
      }
    }
    if (permit === 0) return 'never';
    return permit === TRUE && !world.contested ? 'always' : 'maybe';
  } catch {
    return 'maybe';
  }
}

/** A request of which only some is known. */
export class UnknownWorld implements PartialWorld {
  readonly entities: EntitySnapshot;
  readonly principal: PartialUid;
  readonly action: PartialUid;
  readonly resource: PartialUid;
  readonly context: PartialRecord;
  fuel: number;
  /** Some forbid may hold. */
  contested = false;

  constructor(entities: EntitySnapshot, request: PartialRequest, fuel: number) {
    this.entities = entities;
    this.principal = request.principal;
    this.action = request.action;
    this.resource =
      request.resource ?? new SomeEntity(request.resourceType, request.resourceWithin);
    this.context = request.context ?? opened(request.known ?? CedarRecord.empty);
    this.fuel = fuel;
  }

  node(uid: EntityUid): EntityNode | undefined {
    return this.entities.find(uid);
  }

  isIn(uid: EntityUid, root: EntityUid): boolean {
    return sameUid(uid, root) || (this.node(uid)?.ancestors ?? AncestorSet.none).has(root);
  }
}

function opened(record: CedarRecord): PartialRecord {
  const fields = new Map<string, PartialValue>();
  for (const [name, value] of record.fields) {
    fields.set(name, value instanceof CedarRecord ? opened(value) : value);
  }
  return new PartialRecord(fields, true);
}

/** TRUE, FALSE or both. An erring policy is not satisfied, whatever its effect. */
function satisfaction(policy: CompiledPolicy, world: UnknownWorld): number {
  let may = TRUE;
  for (const name of DIMENSIONS) {
    may = both(may, scopeMay(policy[name], world[name], world));
    if (may === FALSE) return FALSE;
  }
  for (const condition of policy.conditions) {
    const body = asBoolean(evaluatePartially(condition.body, world));
    const wanted = condition.kind === 'when' ? TRUE : FALSE;
    may = both(may, ((body & wanted) !== 0 ? TRUE : 0) | ((body & ~wanted) !== 0 ? FALSE : 0));
    if (may === FALSE) return FALSE;
  }
  return may;
}

export function both(left: number, right: number): number {
  return (left & right & TRUE) | ((left | right) & FALSE);
}

export function scopeMay(scope: Scope, uid: PartialUid, world: UnknownWorld): number {
  if (uid instanceof EntityUid) return matchesScope(scope, uid, world.node(uid)) ? TRUE : FALSE;
  switch (scope.op) {
    case 'all':
      return TRUE;
    case 'eq':
      return uid.type !== undefined && uid.type !== scope.uid.type ? FALSE : TRUE | FALSE;
    case 'in':
      return inMay(uid, scope.roots);
    case 'is':
      if (uid.type === undefined) return TRUE | FALSE;
      if (uid.type !== scope.type) return FALSE;
      return scope.root === undefined ? TRUE : inMay(uid, [scope.root]);
  }
}

function inMay({ type, within }: SomeEntity, roots: readonly EntityUid[]): number {
  if (within === undefined) return roots.length === 0 ? FALSE : TRUE | FALSE;
  if (roots.some((root) => sameUid(root, within))) return TRUE;
  return roots.every((root) => root.type === within.type && root.type !== type)
    ? FALSE
    : TRUE | FALSE;
}

/** The policies whose head may match; everything below a split on something unknown. May repeat a policy. */
export function* relevant(
  node: IndexNode,
  world: Pick<UnknownWorld, 'entities' | (typeof DIMENSIONS)[number]>,
): Generator<CompiledPolicy> {
  if (!isSplit(node)) {
    yield* node.policies;
    return;
  }
  yield* relevant(node.rest, world);
  const name = DIMENSIONS[node.dimension];
  const uid = name === undefined ? undefined : world[name];
  if (!(uid instanceof EntityUid)) {
    for (const child of node.children.values()) yield* relevant(child, world);
    return;
  }
  for (const key of [uid, ...world.entities.ancestorsOf(uid).list]) {
    const child = node.children.get(key);
    if (child !== undefined) yield* relevant(child, world);
  }
}
