import type { ToolFacts } from '../api/index.ts';
import type { PolicyDecisionPoint } from '../policy/index.ts';

const MAX_DESCRIPTION = 300;

/** What each server listed last, for the admin API; policy gets the same lists. */
export function createToolBook(policy: PolicyDecisionPoint): {
  readonly policy: PolicyDecisionPoint;
  tools(server: string): readonly ToolFacts[] | undefined;
  forget(server: string): void;
} {
  const book = new Map<string, readonly ToolFacts[]>();
  return {
    policy: {
      decide: (request) => policy.decide(request),
      mayUse: (agent, server, kind, target) => policy.mayUse(agent, server, kind, target),
      setTools(server, tools) {
        book.set(
          server,
          tools.map(({ name, description = '' }) => ({
            name,
            description: description.slice(0, MAX_DESCRIPTION),
          })),
        );
        policy.setTools(server, tools);
      },
      version: () => policy.version(),
      onChange: (listener) => policy.onChange(listener),
    },
    tools: (server) => book.get(server),
    forget: (server) => void book.delete(server),
  };
}
