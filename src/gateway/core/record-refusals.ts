import type { AuditWriter } from '../../audit/index.ts';
import type { AuthenticationRefusal, PresentedCredential } from '../../identity/index.ts';
import type { Clock } from '../../kernel/index.ts';

/** Refused callers write at most this many records in a second; the rest is counted. A flood must not fill the disk. */
export const REFUSALS_PER_SECOND = 20;

/** Records who was turned away and why. Never the credential. */
export function createRefusalRecorder(deps: {
  readonly audit: AuditWriter;
  readonly clock: Clock;
  onFault(error: unknown): void;
}): (refusal: AuthenticationRefusal, credential: PresentedCredential) => void {
  let second = 0;
  let written = 0;
  let suppressed = 0;
  return (refusal, credential) => {
    const now = deps.clock.now();
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      written = 0;
    }
    if (written >= REFUSALS_PER_SECOND) {
      suppressed++;
      return;
    }
    written++;
    const skipped = suppressed;
    suppressed = 0;
    deps.audit
      .append({
        type: 'session',
        time: now,
        actor: { agent: '', agentId: '', owner: '' },
        method: credential.method,
        target: credential.resource,
        effect: 'refused',
        detail: { reason: refusal.reason, ...(skipped === 0 ? {} : { suppressed: skipped }) },
      })
      .catch((fault: unknown) => deps.onFault(fault));
  };
}
