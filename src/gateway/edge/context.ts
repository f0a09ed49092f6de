import type { Clock } from '../../kernel/index.ts';
import type { AllowList } from './allow-list.ts';
import type { AskBook } from './ask-book.ts';
import type { BodyPool } from './body-budget.ts';
import type { Digest } from './client-facts.ts';
import type { EdgeDeps } from './deps.ts';
import type { EdgeLimits } from './limits.ts';
import type { OldSseRegistry } from './old-sse.ts';
import type { PrincipalBook } from './principal-book.ts';
import type { ReplayBudget } from './replay-log.ts';
import type { SessionStore } from './session-store.ts';

/** What the handlers of one edge share. */
export interface EdgeContext {
  readonly deps: EdgeDeps;
  readonly clock: Clock;
  readonly limits: EdgeLimits;
  readonly allow: AllowList;
  readonly book: PrincipalBook;
  readonly sessions: SessionStore;
  readonly asks: AskBook;
  readonly digest: Digest;
  readonly budget: ReplayBudget;
  readonly oldSse: OldSseRegistry;
  /** Bodies of admitted callers, and of strangers, that are arriving. */
  readonly bodies: BodyPool;
  readonly forms: BodyPool;
  /** Requests in flight. */
  calls: number;
  closing: boolean;
  /** Called when the last request in flight has ended. */
  onIdle: (() => void) | undefined;
}
