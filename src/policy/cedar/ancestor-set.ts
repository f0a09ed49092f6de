import { uidBits } from './uid-bits.ts';
import { type EntityUid, sameUid } from './values.ts';

const SMALL = 8;

/** The transitive ancestors of one entity, without itself. */
export class AncestorSet {
  readonly list: readonly EntityUid[];
  /** The `uidBits` of all of them. */
  readonly mask: number;
  #index: Map<string, Set<string>> | undefined = undefined;

  constructor(list: readonly EntityUid[]) {
    this.list = list;
    this.mask = list.reduce((mask, uid) => mask | uidBits(uid), 0);
  }

  static readonly none: AncestorSet = new AncestorSet([]);

  has(uid: EntityUid): boolean {
    const list = this.list;
    if (list.length > SMALL) return this.#indexed().get(uid.type)?.has(uid.id) === true;
    for (let i = 0; i < list.length; i++) {
      const ancestor = list[i];
      if (ancestor !== undefined && sameUid(ancestor, uid)) return true;
    }
    return false;
  }

  #indexed(): Map<string, Set<string>> {
    if (this.#index === undefined) {
      this.#index = new Map();
      for (const uid of this.list) {
        const ids = this.#index.get(uid.type) ?? new Set();
        this.#index.set(uid.type, ids.add(uid.id));
      }
    }
    return this.#index;
  }
}
