import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordingUpstream {
  readonly url: string;
  /** Span ids (16 hex) of the `traceparent` of every tools/call that arrived. */
  readonly spans: Set<string>;
  close(): Promise<void>;
}

/** A modern MCP server with one tool that remembers which calls really reached it, by the gateway's span. */
export async function startRecordingUpstream(): Promise<RecordingUpstream> {
  const spans = new Set<string>();
  const server = createServer((req, res) => {
    let text = '';
    req.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    req.on('end', () => {
      if (req.method !== 'POST') return void res.writeHead(405).end();
      const message = JSON.parse(text) as {
        id: number;
        method: string;
        params?: { _meta?: { traceparent?: string } };
      };
      const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'recorder', version: '1' } };
      const results: Record<string, object> = {
        'server/discover': {
          resultType: 'complete',
          supportedVersions: ['2026-07-28'],
          capabilities: { tools: {} },
          ttlMs: 0,
          cacheScope: 'private',
          _meta: meta,
        },
        'tools/list': {
          resultType: 'complete',
          tools: [
            {
              name: 'note',
              inputSchema: { type: 'object', properties: { n: { type: 'integer' } } },
            },
          ],
          ttlMs: 0,
          cacheScope: 'private',
        },
        'tools/call': { resultType: 'complete', content: [{ type: 'text', text: 'noted' }] },
      };
      if (message.method === 'tools/call') {
        const span = message.params?._meta?.traceparent?.split('-')[2];
        if (span !== undefined) spans.add(span);
      }
      const result = results[message.method];
      const body = JSON.stringify(
        result === undefined
          ? { jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'unknown' } }
          : { jsonrpc: '2.0', id: message.id, result },
      );
      res
        .writeHead(result === undefined ? 404 : 200, { 'content-type': 'application/json' })
        .end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    spans,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
