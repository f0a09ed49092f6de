// The floor: a hop of node:http and undici. Usage: node bare-hop.ts <upstream url> [chain]
// With `chain` it also parses both ways, knows the allowed tools and chains a SHA-256 over every call, in memory only.
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Dispatcher, Pool } from 'undici';

const [, , upstream = '', mode] = process.argv;
const url = new URL(upstream);
const pool = new Pool(url.origin, { connections: 64, pipelining: 1, allowH2: false });
const allowed = new Set(['echo']);
const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'content-length']);
let last = '';

function forwardable(raw: readonly (string | Buffer)[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = String(raw[i]);
    if (!HOP.has(name.toLowerCase())) headers.push(name, String(raw[i + 1]));
  }
  return headers;
}

const end = (res: ServerResponse, status: number, headers: string[], body: Buffer): void => {
  headers.push('content-length', String(body.length));
  res.writeHead(status, headers).end(body);
};

const server = createServer((req, res) => {
  const parts: Buffer[] = [];
  req.on('data', (part: Buffer) => parts.push(part));
  req.on('end', () => {
    const body = Buffer.concat(parts);
    if (mode === 'chain') {
      const message = JSON.parse(body.toString('utf8')) as {
        method?: string;
        params?: { name?: string };
      };
      if (message.method === 'tools/call' && !allowed.has(message.params?.name ?? '')) {
        return end(res, 403, [], Buffer.from('{}'));
      }
    }
    const chunks: Buffer[] = [];
    let status = 502;
    let headers: string[] = [];
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart(controller, code) {
        status = code;
        headers = forwardable((controller as { rawHeaders?: Buffer[] }).rawHeaders ?? []);
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        const reply = Buffer.concat(chunks);
        if (mode === 'chain') {
          JSON.parse(reply.toString('utf8'));
          last = createHash('sha256').update(last).update(body).update(reply).digest('hex');
        }
        end(res, status, headers, reply);
      },
      onResponseError() {
        if (!res.headersSent) res.writeHead(502);
        res.end();
      },
    };
    pool.dispatch(
      {
        path: url.pathname,
        method: 'POST',
        headers: forwardable(req.rawHeaders),
        body: body.length > 0 ? body : null,
      },
      handler,
    );
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}/mcp` })}\n`);
});
