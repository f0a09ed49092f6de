import type { AuditWriter } from '../../audit/index.ts';
import type { Clock, IdSource } from '../../kernel/index.ts';
import type { PolicyDecisionPoint } from '../../policy/index.ts';
import type { Push, Session } from '../model.ts';
import { actorOf } from '../pipeline/call-context.ts';
import type { Caller, Connections } from './connections.ts';
import { LISTEN, type SessionPermission } from './session-permission.ts';
import type { SessionPushes } from './session-push.ts';

/**
 * The stream of a legacy session is a subscription to every server of its endpoint: decided per server and durably
 * recorded before any server is connected to for it. Where that fails nothing is listened to, and the stream itself stays.
 */
export function createAttach(deps: {
  readonly policy: Pick<PolicyDecisionPoint, 'version'>;
  readonly permission: SessionPermission;
  readonly audit: AuditWriter;
  readonly connections: Connections;
  readonly pushes: SessionPushes;
  readonly clock: Clock;
  readonly ids: IdSource;
  onFault(error: unknown): void;
}): (session: Session, push: Push) => () => void {
  const { policy, permission, audit, connections, pushes } = deps;
  return (session, push) => {
    const caller: Caller = { ...session, session };
    const permitted: string[] = [];
    const denied: string[] = [];
    for (const server of connections.serversOf(session.endpoint))
      (permission.mayListen(session, server) ? permitted : denied).push(server);
    let detach: (() => void) | undefined;
    let over = false;
    audit
      .append({
        type: 'decision',
        time: deps.clock.now(),
        actor: actorOf(session.principal),
        decision: deps.ids.next('decision'),
        session: session.id.slice(0, 24),
        method: LISTEN,
        effect: permitted.length === 0 ? 'deny' : 'allow',
        detail: { policyVersion: policy.version(), ...(denied.length === 0 ? {} : { denied }) },
      })
      .then(() => {
        if (over) return;
        detach = pushes.attach(session, push);
        connections.all(caller, new AbortController().signal, permitted).catch(() => undefined);
      }, deps.onFault);
    return () => {
      over = true;
      detach?.();
    };
  };
}
