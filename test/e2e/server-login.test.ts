import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { createSmallClient } from '../conformance/small-client.ts';
import { startGateway } from '../fixtures/start-gateway.ts';
import { NODE } from '../fixtures/start-program.ts';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const TOKEN = 'upstream-access-token-1';
const REFRESH = 'upstream-refresh-token-1';
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** An MCP server that wants a token, and its authorization server, whose person always agrees. */
async function startGuardedServer(): Promise<string> {
  const answer = (response: ServerResponse, status: number, body: unknown, headers = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
  const mcp = (
    origin: string,
    request: IncomingMessage,
    response: ServerResponse,
    body: string,
  ) => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      return answer(response, 401, {}, { 'www-authenticate': 'Bearer scope="notes"' });
    const { id, method } = JSON.parse(body) as { id: unknown; method: string };
    const results: Record<string, unknown> = {
      'server/discover': {
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {} },
        _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'notes', version: '1' } },
      },
      'tools/list': {
        ttlMs: 0,
        cacheScope: 'private',
        tools: [{ name: 'read', inputSchema: { type: 'object' } }],
      },
      'tools/call': { content: [{ type: 'text', text: `at ${origin}` }] },
    };
    answer(response, 200, {
      jsonrpc: '2.0',
      id,
      result: { resultType: 'complete', ...(results[method] as object) },
    });
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const url = new URL(request.url ?? '', origin);
      const body = Buffer.concat(parts).toString();
      if (url.pathname === '/mcp') return mcp(origin, request, response, body);
      if (url.pathname === '/.well-known/oauth-protected-resource/mcp')
        return answer(response, 200, {
          resource: `${origin}/mcp`,
          authorization_servers: [origin],
        });
      if (url.pathname === '/.well-known/oauth-authorization-server')
        return answer(response, 200, {
          issuer: origin,
          authorization_endpoint: `${origin}/authorize`,
          token_endpoint: `${origin}/token`,
          registration_endpoint: `${origin}/register`,
          code_challenge_methods_supported: ['S256'],
          token_endpoint_auth_methods_supported: ['none'],
          authorization_response_iss_parameter_supported: true,
        });
      if (url.pathname === '/register') return answer(response, 201, { client_id: 'c1' });
      if (url.pathname === '/authorize') {
        const back = new URL(url.searchParams.get('redirect_uri') ?? '');
        back.searchParams.set('code', 'code-1');
        back.searchParams.set('state', url.searchParams.get('state') ?? '');
        back.searchParams.set('iss', origin);
        return response.writeHead(302, { location: back.href }).end();
      }
      if (url.pathname === '/token')
        return answer(response, 200, {
          access_token: TOKEN,
          token_type: 'Bearer',
          expires_in: 3_600,
          refresh_token: REFRESH,
        });
      answer(response, 404, {});
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

/** Every file under a directory as one text. */
function contentOf(directory: string): string {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

test('an agent is told to wait for a person, who logs in on the command line; the tokens stay hidden', async () => {
  const url = await startGuardedServer();
  const gateway = await startGateway({
    servers: { notes: { url, allowPrivate: true } },
    config: { log: { level: 'debug' } },
  });
  closing.push(() => gateway.close());
  const client = createSmallClient({
    url: gateway.serverUrl('notes'),
    token: gateway.tokenFor(),
    revision: '2026-07-28',
    answer: () => ({}),
  });
  await expect(client.callTool('read', {})).rejects.toThrow('`sallyport server login notes`');

  const login = spawn(
    NODE,
    [BIN, 'server', 'login', 'notes', '--no-browser', '--data-dir', gateway.dataDir],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  closing.push(() => login.kill());
  let output = '';
  const visited = new Promise<number>((resolve, reject) => {
    login.stdout.setEncoding('utf8').on('data', (text: string) => {
      const seen = /^http\S+$/m.test(output);
      output += text;
      const address = /^http\S+$/m.exec(output)?.[0];
      if (address !== undefined && !seen)
        fetch(address).then(({ status }) => resolve(status), reject);
    });
    login.once('error', reject);
  });
  const ended = new Promise<number | null>((resolve) => login.once('close', resolve));
  expect(await visited).toBe(200);
  expect(await ended).toBe(0);
  expect(output).toContain('authorized at notes');

  const result = await client.callTool('read', {});
  expect(result['content']).toEqual([{ type: 'text', text: `at ${new URL(url).origin}` }]);
  const everything = `${contentOf(gateway.dataDir)}${gateway.log()}${output}${JSON.stringify(result)}`;
  expect(everything).toContain('upstream_login_done');
  for (const secret of [TOKEN, REFRESH, 'code-1']) expect(everything).not.toContain(secret);
}, 60_000);
