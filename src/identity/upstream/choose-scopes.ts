import { union } from './challenge-header.ts';

export interface ScopeFacts {
  /** What the server's challenge named. */
  readonly challenged: readonly string[] | undefined;
  /** What the gateway holds already: asking for less would lose it (step-up). */
  readonly held: readonly string[];
  readonly configured: readonly string[] | undefined;
  /** `scopes_supported` of the protected resource. */
  readonly ofResource: readonly string[] | undefined;
  /** `scopes_supported` of the authorization server. */
  readonly ofServer: readonly string[] | undefined;
  /** A refresh token is wanted (a person's authorization). */
  readonly lasting: boolean;
}

/**
 * Scopes to ask for (MCP authorization, scope selection): the challenge's, else the configured, else the resource's,
 * together with those held; undefined: leave `scope` out. `offline_access` is added where the authorization server
 * lists it and anything else is asked for, and is taken from nobody else's list.
 */
export function chooseScopes(facts: ScopeFacts): readonly string[] | undefined {
  const base = facts.challenged ?? facts.configured ?? facts.ofResource ?? [];
  const offline = facts.ofServer?.includes('offline_access') === true;
  const wanted = union(base, facts.held).filter((scope) => scope !== 'offline_access' || offline);
  if (wanted.length === 0) return undefined;
  return offline && facts.lasting ? union(wanted, ['offline_access']) : wanted;
}
