import { PersistentTable } from './persistent-table.ts';
import type { EntityUid } from './values.ts';

/** An immutable map keyed by entity name, one table per type, so type and id can never run into each other. */
export class UidMap<V> {
  readonly #types: ReadonlyMap<string, PersistentTable<V>>;
  readonly size: number;

  private constructor(types: ReadonlyMap<string, PersistentTable<V>>, size: number) {
    this.#types = types;
    this.size = size;
  }

  static empty<V>(): UidMap<V> {
    return new UidMap<V>(new Map(), 0);
  }

  get(uid: EntityUid): V | undefined {
    return this.#types.get(uid.type)?.get(uid.id);
  }

  *values(): Generator<V> {
    for (const table of this.#types.values()) for (const entry of table.entries()) yield entry[1];
  }

  with(changes: UidChanges<V>): UidMap<V> {
    const types = new Map(this.#types);
    let size = this.size;
    for (const [type, ids] of changes.byType) {
      const before = types.get(type) ?? PersistentTable.empty<V>();
      const after = before.with(ids);
      size += after.size - before.size;
      if (after.size === 0) types.delete(type);
      else types.set(type, after);
    }
    return new UidMap(types, size);
  }
}

/** What to change in a `UidMap`; `undefined` removes. Also a plain mutable map by entity name. */
export class UidChanges<V> {
  readonly byType = new Map<string, Map<string, V | undefined>>();

  set(uid: EntityUid, value: V | undefined): void {
    let ids = this.byType.get(uid.type);
    if (ids === undefined) {
      ids = new Map();
      this.byType.set(uid.type, ids);
    }
    ids.set(uid.id, value);
  }

  get(uid: EntityUid): V | undefined {
    return this.byType.get(uid.type)?.get(uid.id);
  }

  has(uid: EntityUid): boolean {
    return this.byType.get(uid.type)?.has(uid.id) === true;
  }
}
