import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { createRouter } from './create-router.ts';
import type { AdminApiDeps } from './deps.ts';
import { createTails } from './tail.ts';

export interface AdminApi {
  listen(host: string, port: number): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

/** The admin API on a port of its own; on loopback unless the configuration says otherwise. */
export function createAdminApi(deps: AdminApiDeps): AdminApi {
  const tails = createTails(deps);
  const router = createRouter(deps, tails);
  const server = createAdaptorServer({
    fetch: router.fetch,
    serverOptions: { maxHeaderSize: 16_384, requestTimeout: 30_000, headersTimeout: 15_000 },
  });
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve({ port: (server.address() as AddressInfo).port }));
      }),
    close() {
      tails.close();
      return new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      });
    },
  };
}
