import { err, ok, type Result } from '../../kernel/index.ts';
import type { CompiledPolicy } from './compile-policy.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { Problem } from './model.ts';
import { PersistentTable } from './persistent-table.ts';
import { buildIndex, EMPTY_INDEX, type IndexNode, insert, remove } from './policy-index.ts';

export interface PolicyChange {
  /** Added, or put in place of the policy with the same id. The same id twice is refused. */
  readonly put?: readonly CompiledPolicy[];
  /** Removing what is not there is fine. */
  readonly remove?: readonly string[];
}

/** From this many changes on, building the index anew is cheaper than changing it. */
const BULK = 32;

/** An immutable set of policies with its index. A change shares every policy and every part of the index it leaves alone. */
export class PolicySet {
  readonly #byId: PersistentTable<CompiledPolicy>;
  readonly index: IndexNode;

  private constructor(byId: PersistentTable<CompiledPolicy>, index: IndexNode) {
    this.#byId = byId;
    this.index = index;
  }

  static readonly empty: PolicySet = new PolicySet(PersistentTable.empty(), EMPTY_INDEX);

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): CompiledPolicy | undefined {
    return this.#byId.get(id);
  }

  *policies(): Generator<CompiledPolicy> {
    for (const entry of this.#byId.entries()) yield entry[1];
  }

  /** The set after the change, all of it or nothing. */
  with(
    change: PolicyChange,
    maxPolicies: number = DEFAULT_LIMITS.policies,
  ): Result<PolicySet, Problem> {
    const changes = new Map<string, CompiledPolicy | undefined>();
    for (const id of change.remove ?? []) changes.set(id, undefined);
    for (const policy of change.put ?? []) {
      if (changes.has(policy.id))
        return err({ at: policy.id, problem: 'the policy id is listed twice' });
      changes.set(policy.id, policy);
    }
    const byId = this.#byId.with(changes);
    if (byId.size > maxPolicies)
      return err({ at: 'policies', problem: `more than ${maxPolicies} policies` });
    if (changes.size > BULK) {
      return ok(new PolicySet(byId, buildIndex([...byId.entries()].map((entry) => entry[1]))));
    }
    let index = this.index;
    for (const [id, policy] of changes) {
      const old = this.#byId.get(id);
      if (old !== undefined) index = remove(index, old);
      if (policy !== undefined) index = insert(index, policy);
    }
    return ok(new PolicySet(byId, index));
  }
}
