import type { AuditLog } from '../audit/index.ts';
import { createGuardedFetch } from '../gateway/index.ts';
import {
  createUpstreamOAuth,
  openSealedStore,
  type UpstreamAuthEvent,
  type UpstreamOAuth,
} from '../identity/index.ts';
import type { Clock, Logger, Random } from '../kernel/index.ts';
import { resolveUpstreamAuth } from './config/resolve-upstream-auth.ts';
import type { Config } from './config/sections.ts';

/** Where the gateway publishes what it is as an OAuth client; with the public URL before it, that is its client id. */
const CLIENT_DOCUMENT_PATH = '/oauth/client-metadata.json';
const SYSTEM = { agent: '', agentId: '', owner: '', channel: 'system' } as const;

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface OpenedUpstreamOAuth extends UpstreamOAuth {
  /** Answers the request for the client id metadata document; undefined: another path. */
  document(request: { readonly method: string; readonly path: string }): Answer | undefined;
  /** Checks another configuration and reads its secrets; the result puts it in force. Errors: `CONFIG_*`. */
  prepare(config: Config): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** The gateway as OAuth client, with its own transport, its store, and its events in the audit log. */
export async function openUpstreamOAuth(options: {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly publicUrl: string;
  readonly directory: string;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly redirectUri: () => string;
}): Promise<OpenedUpstreamOAuth> {
  const { audit, clock, random, logger, env, publicUrl } = options;
  const transport = createGuardedFetch({ clock });
  const clientId = publicUrl.startsWith('https:')
    ? `${publicUrl}${CLIENT_DOCUMENT_PATH}`
    : undefined;
  const onEvent = ({ kind, server, ...detail }: UpstreamAuthEvent): void => {
    logger.info({ kind, server, ...detail }, 'authorization at a server');
    audit
      .append(
        { type: 'session', time: clock.now(), actor: SYSTEM, effect: kind, server, detail },
        'soon',
      )
      .catch((error: unknown) => logger.error({ err: error }, 'an event could not be recorded'));
  };
  const oauth = await createUpstreamOAuth({
    servers: await resolveUpstreamAuth(options.config, env, clientId),
    fetch: transport.send,
    store: await openSealedStore(options.directory, random),
    clock,
    random,
    clientName: 'Sallyport',
    redirectUri: options.redirectUri,
    onEvent,
  });
  return {
    ...oauth,
    document({ method, path }) {
      if (clientId === undefined || path !== new URL(clientId).pathname) return undefined;
      if (method !== 'GET' && method !== 'HEAD')
        return { status: 405, headers: { allow: 'GET, HEAD' }, body: '' };
      return {
        status: 200,
        headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' },
        body: JSON.stringify(oauth.clientDocument(clientId)),
      };
    },
    async prepare(config) {
      const servers = await resolveUpstreamAuth(config, env, clientId);
      return () => oauth.setServers(servers);
    },
    close: () => transport.close(),
  };
}
