import { createServer } from 'node:net';

/** The port itself, or a free one for 0: the public URL must be known before the first listener is up. */
export function pickPort(host: string, port: number): Promise<number> {
  if (port !== 0) return Promise.resolve(port);
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      const picked = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(picked));
    });
  });
}
