// A raw HTTP backend: the cheapest thing that still speaks MCP. Both eras, or only the old one: node raw-backend.ts [legacy]
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer } from './wire.ts';

const legacyOnly = process.argv[2] === 'legacy';
const server = createServer((req, res) => {
  if (req.method !== 'POST') return void res.writeHead(405).end();
  const parts: Buffer[] = [];
  req.on('data', (part: Buffer) => parts.push(part));
  req.on('end', () => {
    const [first = Buffer.alloc(0)] = parts;
    const found = answer(
      (parts.length === 1 ? first : Buffer.concat(parts)).toString('utf8'),
      legacyOnly,
    );
    if (found === undefined) return void res.writeHead(202).end();
    res
      .writeHead(found.known ? 200 : 404, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(found.json),
      })
      .end(found.json);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}/mcp` })}\n`);
});
