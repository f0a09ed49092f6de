import { err, ok, type Result } from '../../kernel/index.ts';
import { AncestorSet } from './ancestor-set.ts';
import { planEntityChange } from './entity-change.ts';
import { type CedarLimits, DEFAULT_LIMITS } from './limits.ts';
import type { Problem } from './model.ts';
import { UidMap } from './uid-map.ts';
import type { CedarRecord, EntityUid } from './values.ts';

/** An entity as writers give it. */
export interface EntityInput {
  readonly uid: EntityUid;
  readonly attrs: CedarRecord;
  readonly tags: CedarRecord;
  readonly parents: readonly EntityUid[];
}

/** An entity as the snapshot holds it: immutable, with its transitive ancestors. */
export interface EntityNode extends EntityInput {
  readonly ancestors: AncestorSet;
  /** The `uidBits` of the entity and its ancestors. */
  readonly mask: number;
}

export interface EntityChange {
  /** Created or replaced. The same entity twice is refused. */
  readonly put?: readonly EntityInput[];
  /** Removing what is not there is fine; removing a parent of something that stays is refused. */
  readonly remove?: readonly EntityUid[];
}

/**
 * All resident entities at one version. A change builds another snapshot that shares everything it did not touch;
 * readers of the old one are undisturbed. Guarantees: no duplicates, no cycles, every parent exists. Entities not
 * written here are never remembered, however often a request names them.
 */
export class EntitySnapshot {
  readonly #nodes: UidMap<EntityNode>;
  /** Counts changes since `empty`. */
  readonly version: number;
  readonly limits: CedarLimits;

  private constructor(nodes: UidMap<EntityNode>, version: number, limits: CedarLimits) {
    this.#nodes = nodes;
    this.version = version;
    this.limits = limits;
  }

  static create(limits: CedarLimits = DEFAULT_LIMITS): EntitySnapshot {
    return new EntitySnapshot(UidMap.empty(), 0, limits);
  }

  static readonly empty: EntitySnapshot = EntitySnapshot.create();

  get size(): number {
    return this.#nodes.size;
  }

  find(uid: EntityUid): EntityNode | undefined {
    return this.#nodes.get(uid);
  }

  /** Every entity, in no particular order. */
  nodes(): IterableIterator<EntityNode> {
    return this.#nodes.values();
  }

  ancestorsOf(uid: EntityUid): AncestorSet {
    return this.#nodes.get(uid)?.ancestors ?? AncestorSet.none;
  }

  /**
   * The snapshot after the change, all of it or nothing. Costs the change itself; only a change of somebody's
   * parents, or a removal, looks at every entity once, and then only true descendants are rebuilt.
   */
  with(change: EntityChange): Result<EntitySnapshot, Problem> {
    const plan = planEntityChange(this, change);
    if (!plan.ok) return plan;
    const nodes = this.#nodes.with(plan.value);
    if (nodes.size > this.limits.entities) {
      return err({ at: 'entities', problem: `more than ${this.limits.entities} entities` });
    }
    return ok(new EntitySnapshot(nodes, this.version + 1, this.limits));
  }
}
