import type { AuditLog } from '../audit/index.ts';
import type { Clock } from '../kernel/index.ts';
import { createPolicyVersions, type PolicyVersions } from '../policy/index.ts';
import type { Db } from '../store/index.ts';

/** Versions in the database, each change of policies a record of the signed log. */
export function openPolicyVersions(db: Db, audit: AuditLog, clock: Clock): PolicyVersions {
  return createPolicyVersions({
    db,
    clock,
    record: ({ user, channel, summary, ...facts }) =>
      audit.append({
        type: 'admin',
        time: clock.now(),
        actor: { agent: '', agentId: '', owner: '', ...(user === '' ? {} : { user }), channel },
        effect: 'changed',
        detail: { area: 'policy', action: 'policy.change', ...facts, ...summary },
      }),
  });
}
