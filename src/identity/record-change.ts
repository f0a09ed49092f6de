import { canonicalJson, sha256Hex } from '../kernel/index.ts';
import type { IdentityChange } from './model.ts';
import type { ChangeSink } from './ports.ts';

/**
 * Applies a change and records it. A `widening` change is recorded first and does not happen when
 * the record cannot be written; a `restricting` one (suspend, revoke) happens first, because a full
 * disk must not keep a stolen credential alive. Rejections of either step reach the caller.
 */
export type RecordChange = (
  change: IdentityChange,
  kind: 'widening' | 'restricting',
  apply: () => Promise<unknown>,
) => Promise<void>;

export function createRecordChange(onChange: ChangeSink): RecordChange {
  return async (change, kind, apply) => {
    if (kind === 'restricting') {
      await apply();
      await onChange(change);
      return;
    }
    await onChange(change);
    try {
      await apply();
    } catch (error) {
      await onChange({ ...change, outcome: 'not_applied' });
      throw error;
    }
  };
}

/** SHA-256 (hex) of the canonical JSON; absent members and `undefined` ones are the same. */
export function digestOf(value: object): string {
  return sha256Hex(
    canonicalJson(
      Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)),
    ),
  );
}
