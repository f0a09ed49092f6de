import type { AuditLog } from '../audit/index.ts';
import { createGuardedFetch } from '../gateway/index.ts';
import {
  createUpstreamOAuth,
  openSealedStore,
  type UpstreamAuth,
  type UpstreamAuthEvent,
  type UpstreamOAuth,
} from '../identity/index.ts';
import type { Clock, Logger, Random } from '../kernel/index.ts';

/** Where the gateway publishes what it is as an OAuth client; with the public URL before it, that is its client id. */
export const CLIENT_DOCUMENT_PATH = '/oauth/client-metadata.json';

const SYSTEM = { agent: '', agentId: '', owner: '', channel: 'system' } as const;

/** The gateway as OAuth client, with its own transport, its store, and its events in the audit log. */
export async function openUpstreamOAuth(options: {
  readonly servers: ReadonlyMap<string, UpstreamAuth>;
  readonly directory: string;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly redirectUri: () => string;
}): Promise<UpstreamOAuth & { close(): Promise<void> }> {
  const { audit, clock, random, logger } = options;
  const transport = createGuardedFetch({ clock });
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
    servers: options.servers,
    fetch: transport.fetch,
    store: await openSealedStore(options.directory, random),
    clock,
    random,
    clientName: 'Sallyport',
    redirectUri: options.redirectUri,
    onEvent,
  });
  return { ...oauth, close: () => transport.close() };
}

/** Answers the request for the client id metadata document; undefined: another path. */
export function clientDocument(
  request: { readonly method: string; readonly path: string },
  clientId: string | undefined,
  oauth: Pick<UpstreamOAuth, 'clientDocument'>,
):
  | { readonly status: number; readonly headers: Record<string, string>; readonly body: string }
  | undefined {
  if (clientId === undefined || request.path !== new URL(clientId).pathname) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, headers: { allow: 'GET, HEAD' }, body: '' };
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' },
    body: JSON.stringify(oauth.clientDocument(clientId)),
  };
}
