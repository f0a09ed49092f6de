import type { Principal } from '../../identity/index.ts';
import { Roster, type Rostered } from '../../kernel/index.ts';

/** Something open that revocation cuts and the shared heartbeat visits. */
export interface Open extends Rostered {
  /** Called about every third of the heartbeat interval; `now` is monotonic, `wall` wall-clock milliseconds. */
  tick(now: number, wall: number): void;
  cut(reason: 'revoked' | 'shutdown'): void;
}

/** What one principal holds open at this edge. */
export interface PrincipalState {
  readonly key: string;
  readonly path: readonly string[];
  calls: number;
  streams: number;
  /** Of bodies that are arriving. */
  bodyBytes: number;
  /** Sessions in memory. */
  sessions: number;
  readonly open: Roster<Open>;
  /** Swept from the book; a later request makes a new state. */
  gone: boolean;
}

export interface PrincipalBook {
  of(principal: Principal): PrincipalState;
  /** States whose path contains the agent: itself and all it delegated to. */
  under(agentId: string): PrincipalState[];
  states(): Iterable<PrincipalState>;
  /** Forgets states that hold nothing. */
  sweep(): void;
}

/** Same key, same caller: the whole delegation path and the user. Another token of the same caller has the same key. */
export function principalKey(principal: Principal): string {
  return `${principal.path.join('/')}\n${principal.agent.id}\n${principal.user ?? ''}`;
}

export function createPrincipalBook(): PrincipalBook {
  // Principals are shared between the requests of one token, so the key is built once per token.
  const byPrincipal = new WeakMap<Principal, PrincipalState>();
  const byKey = new Map<string, PrincipalState>();
  return {
    of(principal) {
      const known = byPrincipal.get(principal);
      if (known !== undefined && !known.gone) return known;
      const key = principalKey(principal);
      let state = byKey.get(key);
      if (state === undefined) {
        const path = [...principal.path, principal.agent.id];
        state = {
          key,
          path,
          calls: 0,
          streams: 0,
          bodyBytes: 0,
          sessions: 0,
          open: new Roster(),
          gone: false,
        };
        byKey.set(key, state);
      }
      byPrincipal.set(principal, state);
      return state;
    },
    under: (agentId) => [...byKey.values()].filter((state) => state.path.includes(agentId)),
    states: () => byKey.values(),
    sweep() {
      for (const state of byKey.values()) {
        if (state.calls + state.streams + state.bodyBytes + state.sessions + state.open.size > 0)
          continue;
        state.gone = true;
        byKey.delete(state.key);
      }
    },
  };
}
