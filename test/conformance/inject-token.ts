import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenProxy {
  /** What to give to a client that can't send a token: same path as at the target. */
  urlFor(target: string): string;
  close(): Promise<void>;
}

/**
 * A loopback proxy that adds `Authorization: Bearer <token>` and passes everything else through byte for byte,
 * streams included. The conformance suite sends no credentials, so it reaches the gateway over this. `Host` and
 * `Origin` go through as they came, except that the proxy's own address becomes the target's: the DNS-rebinding
 * scenario must meet the gateway's checks, not ours.
 */
export async function injectToken(origin: string, token: string): Promise<TokenProxy> {
  const target = new URL(origin);
  const agent = new Agent({ keepAlive: true });
  let own = '';

  const server = createServer((req, res) => {
    const headers: string[] = ['Authorization', `Bearer ${token}`];
    for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
      const name = req.rawHeaders[i] ?? '';
      const value = req.rawHeaders[i + 1] ?? '';
      const lower = name.toLowerCase();
      if (lower === 'authorization') continue;
      if (lower === 'host' && value === own) headers.push(name, target.host);
      else if (lower === 'origin' && value === `http://${own}`) headers.push(name, target.origin);
      else headers.push(name, value);
    }
    const onward = request({
      host: target.hostname,
      port: target.port,
      method: req.method,
      path: req.url,
      headers,
      agent,
    });
    onward.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders);
      // A stream may stay silent for long: its headers must not wait for the first event.
      res.flushHeaders();
      answer.pipe(res);
      answer.on('error', () => res.destroy());
    });
    onward.on('error', () => {
      if (res.headersSent) res.destroy();
      else res.writeHead(502).end();
    });
    res.on('close', () => {
      if (!res.writableFinished) onward.destroy();
    });
    req.pipe(onward);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  own = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    urlFor(url) {
      const { pathname, search } = new URL(url);
      return `http://${own}${pathname}${search}`;
    },
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
