const GONE = Symbol('gone');

/**
 * An immutable string-keyed map whose copies share structure: a large base that never changes and a small difference.
 * A copy with k changes costs k plus the difference, which is folded into a new base once it outgrows the square
 * root of the size; a lookup costs one or two hash probes.
 */
export class PersistentTable<V> {
  readonly #base: ReadonlyMap<string, V>;
  readonly #diff: ReadonlyMap<string, V | typeof GONE> | undefined;
  readonly size: number;

  private constructor(
    base: ReadonlyMap<string, V>,
    diff: ReadonlyMap<string, V | typeof GONE> | undefined,
    size: number,
  ) {
    this.#base = base;
    this.#diff = diff;
    this.size = size;
  }

  static empty<V>(): PersistentTable<V> {
    return new PersistentTable<V>(new Map(), undefined, 0);
  }

  get(key: string): V | undefined {
    if (this.#diff !== undefined) {
      const changed = this.#diff.get(key);
      if (changed !== undefined) return changed === GONE ? undefined : (changed as V);
    }
    return this.#base.get(key);
  }

  *entries(): Generator<[string, V]> {
    const diff = this.#diff;
    for (const entry of this.#base) if (diff === undefined || !diff.has(entry[0])) yield entry;
    if (diff === undefined) return;
    for (const [key, value] of diff) if (value !== GONE) yield [key, value as V];
  }

  /** A copy with the changes applied; `undefined` removes. */
  with(changes: ReadonlyMap<string, V | undefined>): PersistentTable<V> {
    let size = this.size;
    for (const [key, value] of changes) {
      const had = this.get(key) !== undefined;
      if (had !== (value !== undefined)) size += had ? -1 : 1;
    }
    const differences = (this.#diff?.size ?? 0) + changes.size;
    if (differences > 32 + 2 * Math.sqrt(this.#base.size)) {
      const base = new Map(this.entries());
      for (const [key, value] of changes) {
        if (value === undefined) base.delete(key);
        else base.set(key, value);
      }
      return new PersistentTable(base, undefined, size);
    }
    const diff = new Map(this.#diff);
    for (const [key, value] of changes) diff.set(key, value === undefined ? GONE : value);
    return new PersistentTable(this.#base, diff, size);
  }
}
