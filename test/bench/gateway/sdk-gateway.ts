// What one gets from the official SDK in a few lines: a server per request, one client to the upstream.
// Usage: node sdk-gateway.ts <upstream url>
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';

const [, , upstream = ''] = process.argv;
const info = { name: 'sdk-gateway', version: '1.0.0' };
const client = new Client(info, { versionNegotiation: { mode: 'auto' } });
await client.connect(new StreamableHTTPClientTransport(new URL(upstream)));
const handle = toNodeHandler(
  createMcpHandler(() => {
    const server = new Server(info, { capabilities: { tools: {} } });
    server.setRequestHandler('tools/list', () => client.listTools());
    server.setRequestHandler('tools/call', (request) => client.callTool(request.params));
    return server;
  }),
);
const http = createServer(
  (req, res) => void handle(req as unknown as NodeIncomingMessageLike, res),
);
http.keepAliveTimeout = 60_000;
http.listen(0, '127.0.0.1', () => {
  const { port } = http.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}/mcp` })}\n`);
});
