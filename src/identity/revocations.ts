import { type Clock, DAY_MS } from '../kernel/index.ts';
import type { Actor, RevocationMark } from './model.ts';
import type { IdentityStore } from './ports.ts';
import type { RecordChange } from './record-change.ts';
import type { IssueSequence } from './tokens/sequence.ts';

/** Marks older than anything they could revoke are dropped; consents live 30 days at most. */
const KEEP_MARKS_MS = 31 * DAY_MS;

export const ownerMark = (owner: string): string => `owner:${owner}`;
/** Of everything that stands under a blueprint. */
export const blueprintMark = (blueprint: string): string => `blueprint:${blueprint}`;
export const userMark = (user: string): string => `user:${user}`;

export interface Revocations {
  /**
   * Everything issued to `id` up to now is dead for the next check, before anything is awaited;
   * the promise resolves when the mark is durable and recorded. `id` is an agent, token (`jti`),
   * bootstrap, grant or client id, or `ownerMark`/`userMark`. What is issued later is not affected:
   * use the agent's state or remove the key to stop new tokens.
   */
  revoke(id: string, by: Actor, agentId?: string): Promise<void>;
  /** The reason when `id` has a mark at or after `sequence`. */
  find(id: string, sequence: number): string | undefined;
  /** Rises with every mark: while it stands still, earlier answers of `find` stand too. */
  generation(): number;
  /** Accepts a mark that another replica made. */
  apply(mark: RevocationMark): void;
  /** Called for every new mark, this replica's and others'. */
  onMark(listener: (mark: RevocationMark) => void): () => void;
}

export interface RevocationsDeps {
  readonly store: IdentityStore;
  readonly clock: Clock;
  readonly sequence: IssueSequence;
  readonly record: RecordChange;
}

/** "Not before" marks per id: one write revokes a token, an agent, or all agents of an owner. */
export async function createRevocations(deps: RevocationsDeps): Promise<Revocations> {
  const { store, clock, sequence, record } = deps;
  const marks = new Map<string, RevocationMark>();
  let generation = 0;
  const listeners = new Set<(mark: RevocationMark) => void>();

  const oldest = (clock.now() - KEEP_MARKS_MS) * 1000;
  await store.deleteMarksBefore(oldest);
  for (const mark of await store.marks()) {
    marks.set(mark.id, mark);
    sequence.raise(mark.sequence);
  }

  const set = (mark: RevocationMark): void => {
    const old = marks.get(mark.id);
    if (old !== undefined && old.sequence >= mark.sequence) return;
    marks.set(mark.id, mark);
    generation += 1;
    sequence.raise(mark.sequence);
    for (const listener of listeners) listener(mark);
  };

  return {
    async revoke(id, by, agentId) {
      const at = clock.now();
      const mark: RevocationMark = {
        id,
        sequence: sequence.next(),
        at,
        reason: by.reason,
        ...(agentId === undefined ? {} : { agentId }),
      };
      set(mark);
      await record(
        {
          action: 'revoke',
          target: id,
          ...(agentId === undefined ? {} : { agentId }),
          actor: by,
          at,
        },
        'restricting',
        () => store.putMark(mark),
      );
    },
    find(id, issued) {
      const mark = marks.get(id);
      return mark !== undefined && mark.sequence >= issued ? mark.reason : undefined;
    },
    generation: () => generation,
    apply: set,
    onMark(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
