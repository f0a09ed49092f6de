/** A member carries its own place, so that joining and leaving cost no look-up. -1 while it is in no roster. */
export interface Rostered {
  seat: number;
}

/**
 * What is open now, in no order: for things that come and go with every call, where hashing each of them is
 * needless. A member can be in one roster at a time.
 */
export class Roster<T extends Rostered> implements Iterable<T> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: T): void {
    if (member.seat >= 0) return;
    member.seat = this.#members.length;
    this.#members.push(member);
  }

  delete(member: T): void {
    const { seat } = member;
    if (seat < 0 || this.#members[seat] !== member) return;
    member.seat = -1;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[seat] = last;
    last.seat = seat;
  }

  /** Over those that are in it now: members may join and leave meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return this.#members.slice().values();
  }
}
