import type { Actor, Agent } from '../identity/index.ts';
import { isAppError } from '../kernel/index.ts';
import type { App } from './compose.ts';

const BY: Actor = { user: 'up', channel: 'system', reason: 'start' };

/**
 * A bootstrap token for each agent that may work, for scripts that start a gateway and call it. An agent that started
 * too often within the hour loses its oldest token, so that a restart never fails for that.
 */
export async function issueStartTokens(
  app: Pick<App, 'identity' | 'logger'>,
  agents: readonly Agent[],
): Promise<readonly { readonly name: string; readonly token: string }[]> {
  const { bootstraps } = app.identity;
  const issued: { name: string; token: string }[] = [];
  for (const { id, name } of agents) {
    try {
      const { token } = await bootstraps.issue(id, BY).catch(async (error: unknown) => {
        if (!isAppError(error) || error.code !== 'IDENTITY_LIMIT') throw error;
        const [oldest] = bootstraps
          .list(id)
          .filter(({ revokedAt }) => revokedAt === undefined)
          .sort((a, b) => a.createdAt - b.createdAt);
        if (oldest === undefined) throw error;
        await bootstraps.revoke(oldest.id, BY);
        return bootstraps.issue(id, BY);
      });
      issued.push({ name, token });
    } catch (error) {
      if (!isAppError(error)) throw error;
      app.logger.warn({ agent: name, code: error.code }, 'no token for this agent');
    }
  }
  return issued;
}
