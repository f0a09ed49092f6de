import type { Clock } from '../../kernel/index.ts';
import type { PolicyDecisionPoint } from '../../policy/index.ts';
import type { Session } from '../model.ts';
import { agentFacts } from '../pipeline/decide.ts';

/** What the stream of a legacy session stands for (2026-07-28, subscriptions). */
export const LISTEN = 'subscriptions/listen';

export interface SessionPermission {
  /** May what this server says outside any request reach the session? */
  mayListen(session: Session, server: string): boolean;
  /** May this server ask the session for its roots? */
  mayAskRoots(session: Session, server: string): boolean;
}

/** Decisions about what happens for a legacy session outside its requests. */
export function createSessionPermission(
  policy: Pick<PolicyDecisionPoint, 'decide'>,
  clock: Clock,
): SessionPermission {
  const may = (
    { principal, client, id }: Session,
    kind: 'listen' | 'roots',
    method: string,
    server: string,
  ): boolean =>
    policy.decide({
      agent: agentFacts(principal),
      ...(principal.user === undefined ? {} : { user: principal.user }),
      kind,
      method,
      server,
      target: method,
      session: { now: clock.now(), transport: 'http', era: client.era, sessionId: id },
    }).effect === 'allow';
  return {
    mayListen: (session, server) => may(session, 'listen', LISTEN, server),
    mayAskRoots: (session, server) => may(session, 'roots', 'roots/list', server),
  };
}
