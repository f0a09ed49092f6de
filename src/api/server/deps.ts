import type { AuditIndex, AuditLog } from '../../audit/index.ts';
import type { EdgeStatus, UpstreamStatus } from '../../gateway/index.ts';
import type { Identity, UpstreamOAuth } from '../../identity/index.ts';
import type { Clock, Logger, Random } from '../../kernel/index.ts';
import type { PolicyService } from '../../policy/index.ts';
import type { PolicyChanges } from './policy-answers.ts';

export interface ToolFacts {
  readonly name: string;
  readonly description: string;
}

/** The parts of a running gateway that the admin API shows and changes. */
export interface AdminApiDeps {
  readonly version: string;
  readonly mcpUrl: string;
  /** Where this API is reached; its host is the one that requests must name. */
  readonly adminUrl: string;
  readonly adminToken: string;
  readonly identity: Pick<Identity, 'registry' | 'agentKeys' | 'bootstraps' | 'revocations'>;
  readonly policy: Pick<PolicyService, 'status' | 'check' | 'explain' | 'version'>;
  /** Versions, replay and changes of policies; without it those routes are not there. */
  readonly policyChanges?: PolicyChanges;
  /** Answers {@link AUTHZEN_PATHS}. */
  readonly authzen?: (request: Request) => Promise<Response>;
  readonly audit: Pick<AuditLog, 'append' | 'healthy' | 'head' | 'dir'>;
  readonly auditIndex: Pick<AuditIndex, 'query'>;
  /** What each server listed last; undefined when it was not asked yet. */
  readonly tools: (server: string) => readonly ToolFacts[] | undefined;
  readonly servers: () => readonly UpstreamStatus[];
  /** The gateway as OAuth client at servers. */
  readonly upstreamOAuth: Pick<
    UpstreamOAuth,
    'startLogin' | 'loginState' | 'finishLogin' | 'state' | 'forget'
  >;
  readonly edge: () => EdgeStatus;
  readonly reload: () => Promise<void>;
  readonly loginCodes: {
    issue(user: string): string;
    redeem(code: string): { readonly user: string } | undefined;
  };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
