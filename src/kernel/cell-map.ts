/**
 * A Map for things that live as long as one call. Entries stand in cells that are emptied when they leave, because the
 * tables a Map outgrew stay linked to one another (see `Roster`): here such a table keeps nothing but empty cells alive.
 * Order is that of insertion.
 */
export class CellMap<K, V extends object> {
  readonly #cells = new Map<K, { value: V | undefined }>();

  get size(): number {
    return this.#cells.size;
  }

  get(key: K): V | undefined {
    return this.#cells.get(key)?.value;
  }

  /** The key must not be in use. */
  add(key: K, value: V): void {
    this.#cells.set(key, { value });
  }

  delete(key: K): void {
    const cell = this.#cells.get(key);
    if (cell === undefined) return;
    cell.value = undefined;
    this.#cells.delete(key);
  }

  *values(): Generator<V> {
    for (const { value } of this.#cells.values()) if (value !== undefined) yield value;
  }
}
