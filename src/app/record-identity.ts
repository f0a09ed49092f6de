import type { AuditLog } from '../audit/index.ts';
import type { IdentityChange, OAuthEvent } from '../identity/index.ts';
import type { Clock } from '../kernel/index.ts';

const SYSTEM = { agent: '', agentId: '', owner: '' } as const;

/** Writes identity's changes (awaited: a widening change that can't be recorded is not made) and events to the audit. */
export function identityRecorder(
  audit: AuditLog,
  clock: Clock,
): {
  onChange(change: IdentityChange): Promise<void>;
  onEvent(event: OAuthEvent): void;
} {
  return {
    async onChange(change) {
      const { actor, ...facts } = change;
      await audit.append({
        type: 'admin',
        time: clock.now(),
        actor: { ...SYSTEM, user: actor.user, channel: actor.channel },
        effect: 'changed',
        detail: { area: 'identity', reason: actor.reason, ...facts },
      });
    },
    onEvent(event) {
      // The caller's answer does not depend on this record; a log that can't take it stops the next decision anyway.
      audit
        .append(
          {
            type: 'session',
            time: clock.now(),
            actor: SYSTEM,
            effect: event.kind,
            detail: { ...event },
          },
          'soon',
        )
        .catch(() => undefined);
    },
  };
}
