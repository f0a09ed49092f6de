import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { legacyClient, modernClient, post } from './raw-client.ts';
import { echo, type Received, type ScriptedServer, startScripted } from './scripted-http-server.ts';
import { createTestApp, type TestApp } from './test-app.ts';

const LONG = process.env['SALLYPORT_LONG'] === '1';
const RUNS = LONG ? 20_000 : 300;
const ENVELOPE = 'io.modelcontextprotocol/';

/** The agent may call `open` at level `low`, and nothing else. */
const POLICY = `
permit(principal, action == s::Action::"open", resource) when { context.input.level == "low" };
permit(principal, action in Action::"list", resource);
`;

/** The ordinary value nearly always, so that most requests are odd in one or two ways and some in none. */
const mostly = <T>(usual: T, ...odd: T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 15, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  );

const decode = (value: unknown): string | undefined => {
  if (typeof value !== 'string') return undefined;
  const marked = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  return marked === undefined ? value : Buffer.from(marked, 'base64').toString('utf8');
};

describe.each(['modern', 'legacy'] as const)('whatever arrives, in front of a %s server', (era) => {
  let app: TestApp;
  let server: ScriptedServer;
  let session: string;

  beforeAll(async () => {
    const levels = {
      type: 'object',
      properties: { level: { type: 'string', 'x-mcp-header': 'Level' } },
      required: ['level'],
    };
    server = await startScripted({
      era,
      tools: { open: echo, secret: echo },
      resources: ['test://a'],
      prompts: ['p'],
      definitions: { open: { inputSchema: levels }, secret: { inputSchema: levels } },
    });
    app = await createTestApp({ servers: { s: server.entry }, policies: POLICY });
    session = (await legacyClient(app.url('s'), app.token())).session;
  });
  afterAll(async () => {
    await app.close();
    await server.close();
  });

  /** What reached the server, held against what was allowed. */
  async function judge(): Promise<void> {
    const spans = await app.allowedSpans();
    const wrong = server.received.filter((got) => {
      if (!/^(tools|resources|prompts|completion|tasks)\//.test(got.method)) return false;
      if (got.method.endsWith('/list')) return false;
      return !permitted(got) || got.span === undefined || !spans.has(got.span);
    });
    expect(wrong).toEqual([]);
    // One forward for one decision: nothing was sent twice.
    const seen = server.calls().map(({ span }) => span);
    expect(new Set(seen).size).toBe(seen.length);
    if (era === 'modern') {
      for (const { method, params, headers } of server.received) {
        const args = params['arguments'] as Record<string, unknown> | undefined;
        expect(headers['mcp-method']).toBe(method);
        expect(decode(headers['mcp-name'])).toBe(params['name'] ?? params['uri']);
        expect(decode(headers['mcp-param-level'])).toBe(args?.['level']);
      }
    }
    const alive = await modernClient(app.url('s'), app.token()).call(
      'open',
      { level: 'low', text: 'alive' },
      { headers: { 'mcp-param-level': 'low' } },
    );
    expect(alive.text).toContain('alive');
  }
  const permitted = ({ method, params }: Received): boolean =>
    method === 'tools/call' &&
    params['name'] === 'open' &&
    (params['arguments'] as Record<string, unknown> | undefined)?.['level'] === 'low';

  const name = mostly('open', 'secret', 'Open', 'open ', 'оpen', 'open\u0000', '', 's__open');
  const level = mostly<unknown>(
    'low',
    'high',
    'LOW',
    'low ',
    ' low',
    'ｌow',
    '',
    null,
    1,
    ['low'],
    {
      low: 1,
    },
  );
  const quoted = mostly<(text: string) => string>(
    (text) => JSON.stringify(text),
    // Every character escaped: the same string for a JSON parser, another text for a search.
    (text) =>
      `"${[...text].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`,
  );
  const method = mostly(
    'tools/call',
    'tools/list',
    'resources/read',
    'prompts/get',
    'completion/complete',
    'resources/subscribe',
    'tasks/get',
    'Tools/Call',
    'tools/call ',
    'server/discover',
    'ping',
    'initialize',
    'notifications/cancelled',
    'logging/setLevel',
    'vendor/x',
    '__proto__',
  );

  /** JSON text of a request, valid or nearly so. */
  const body = fc
    .record({
      method,
      name,
      level,
      second: fc.oneof(
        { weight: 15, arbitrary: fc.constant(undefined) },
        {
          weight: 1,
          arbitrary: fc.tuple(
            fc.constantFrom('name', 'arguments', 'method', 'params', '_meta'),
            name,
          ),
        },
      ),
      quote: quoted,
      modern: fc.boolean(),
      version: mostly('2026-07-28', '2025-11-25', '2099-01-01', ''),
      id: mostly('1', '"a"', 'null', '1.5', '1e400', '{}', '-0', '9007199254740993', ''),
      damage: mostly<(text: string) => string | Buffer>(
        (text) => text,
        (text) => text,
        (text) => text,
        (text) => `[${text}]`,
        (text) => `[${text},${text}]`,
        (text) => `\ufeff${text}`,
        (text) => ` \n\t${text}\r\n`,
        (text) => `${text}${text}`,
        (text) => text.slice(0, -1),
        (text) => text.replace('"params"', '"params" '),
        (text) => text.replace(/:/g, ' : '),
        (text) => `${text}\u0000`,
        (text) =>
          Buffer.concat([
            Buffer.from(text.slice(0, -2)),
            Buffer.from([0xc0, 0xaf]),
            Buffer.from('}}'),
          ]),
        (text) => text.replace('{', `{"x":${'['.repeat(200)}${']'.repeat(200)},`),
        (text) => text.replace('{', '{"__proto__":{"method":"tools/call"},'),
        (text) => text.replace('"jsonrpc":"2.0"', '"jsonrpc":"1.0"'),
        (text) => text.replace('{', '{//\n'),
      ),
    })
    .map((parts) => {
      const q = parts.quote;
      const meta = parts.modern
        ? `,${q('_meta')}:{"${ENVELOPE}protocolVersion":${JSON.stringify(parts.version)},"${ENVELOPE}clientCapabilities":{}}`
        : '';
      const again = (at: string): string =>
        parts.second?.[0] === at
          ? `,${q(at)}:${at === 'arguments' ? '{"level":"high"}' : q(parts.second[1])}`
          : '';
      const args = `{${q('level')}:${JSON.stringify(parts.level)},"text":"x"}`;
      const params = `{${q('name')}:${q(parts.name)},"uri":"test://a",${q('arguments')}:${args}${again('name')}${again('arguments')}${meta}${again('_meta')}}`;
      const id = parts.id === '' ? '' : `"id":${parts.id},`;
      const text = `{"jsonrpc":"2.0",${id}${q('method')}:${q(parts.method)}${again('method')},${q('params')}:${params}${again('params')}}`;
      return { ...parts, text: parts.damage(text) };
    });

  const headerValue = (of: fc.Arbitrary<unknown>): fc.Arbitrary<string | undefined> =>
    fc.oneof(
      of.map((value) =>
        typeof value === 'string' && /^[\x21-\x7e]*$/.test(value) ? value : undefined,
      ),
      of.map((value) => `=?base64?${Buffer.from(String(value)).toString('base64')}?=`),
      fc.constantFrom(
        undefined,
        '',
        '=?base64?!?=',
        '=?BASE64?b3Blbg==?=',
        'open, secret',
        'low,high',
        '=?base64?b3Blbg?=',
      ),
    );

  it(
    'is answered, and reaches the server only as it was decided',
    async () => {
      const token = app.token();
      await fc.assert(
        fc.asyncProperty(
          body,
          fc.record({
            agrees: mostly(true, false),
            method: headerValue(method),
            name: headerValue(name),
            level: headerValue(level),
            version: fc.constantFrom(undefined, '2026-07-28', '2025-11-25', '2025-03-26', 'x'),
            session: mostly('own', 'none', 'junk'),
            auth: mostly('good', 'none', 'bad', 'lower', 'basic'),
            type: mostly(
              'application/json',
              'application/json; charset=utf-8',
              'text/plain',
              'application/json, text/plain',
            ),
            accept: mostly(
              'application/json, text/event-stream',
              '*/*',
              'application/json',
              'text/html',
            ),
            verb: mostly('POST', 'PUT', 'GET', 'PATCH', 'OPTIONS'),
            path: mostly(
              '/mcp/s',
              '/mcp/s',
              '/mcp',
              '/mcp/s/',
              '/mcp//s',
              '/mcp/%73',
              '/MCP/s',
              '/sse/s',
              '/mcp/s?x=1',
              '/mcp/..%2fs',
            ),
            extra: mostly<Record<string, string>>(
              {},
              {},
              { origin: 'http://evil.example' },
              { origin: 'null' },
              { host: 'evil.example' },
              { 'x-http-method-override': 'GET' },
              { 'content-encoding': 'gzip' },
              { 'transfer-encoding': 'chunked' },
              { 'last-event-id': '0_1' },
              { connection: 'mcp-name' },
            ),
          }),
          async (message, head) => {
            const version = message.modern ? message.version : undefined;
            const { level: low } = message;
            const answer = await post(new URL(head.path, app.url()).href, message.text, {
              verb: head.verb,
              // A stream that stays open is not an answer to wait for.
              signal: AbortSignal.timeout(head.verb === 'GET' ? 50 : 5_000),
              headers: {
                'content-type': head.type,
                accept: head.accept,
                authorization:
                  head.auth === 'none'
                    ? undefined
                    : head.auth === 'bad'
                      ? `Bearer ${token}x`
                      : head.auth === 'lower'
                        ? `bearer ${token}`
                        : head.auth === 'basic'
                          ? `Basic ${token}`
                          : `Bearer ${token}`,
                'mcp-session-id':
                  head.session === 'none' ? undefined : head.session === 'own' ? session : 'junk',
                'mcp-protocol-version': head.agrees ? version || undefined : head.version,
                'mcp-method': head.agrees
                  ? version
                    ? message.method.trim()
                    : undefined
                  : head.method,
                'mcp-name':
                  head.agrees && version && /^[\x21-\x7e]+$/.test(message.name)
                    ? message.name
                    : head.name,
                'mcp-param-level':
                  head.agrees && typeof low === 'string' && /^[\x21-\x7e]+$/.test(low)
                    ? low
                    : head.level,
                ...head.extra,
              },
            }).catch((error: Error) => {
              // Not an answer: only where we hung up ourselves.
              expect([head.verb, error.message]).toEqual(['GET', error.message]);
            });
            if (answer === undefined) return;
            expect(answer.status).toBeLessThan(500);
            if (answer.status >= 400) expect(answer.text).not.toMatch(/node:|\/src\/|at .*\.ts:/);
          },
        ),
        { numRuns: RUNS, endOnFailure: true },
      );
      expect(server.calls().length).toBeGreaterThan(0);
      await judge();
    },
    LONG ? 600_000 : 60_000,
  );

  it(
    'is refused with -32020 when a header says something else than the body',
    async () => {
      const client = modernClient(app.url('s'), app.token());
      const texts = fc.oneof(
        fc.constantFrom(
          'low',
          'LOW',
          'low ',
          'ｌow',
          'lo\u0301w',
          '=?base64?bG93?=',
          'высокий',
          '',
          '\u0000',
          'true',
        ),
        fc.string({ maxLength: 12 }),
      );
      const plain = (text: string): boolean =>
        /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith('=?base64?');
      const marked = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
      const spelled = (text: string): fc.Arbitrary<string> =>
        plain(text) ? fc.constantFrom(text, marked(text)) : fc.constant(marked(text));
      const pair = texts.chain((body) =>
        fc.oneof(fc.constant(body), texts).chain((said) =>
          fc.record({
            body: fc.constant(body),
            said: fc.constant(said),
            header: fc.oneof(
              spelled(said),
              fc.constantFrom(
                undefined,
                marked(said).toUpperCase(),
                `${marked(said)} x`,
                '=?base64?%%?=',
              ),
            ),
          }),
        ),
      );
      await fc.assert(
        fc.asyncProperty(
          pair,
          fc.constantFrom('mcp-param-level', 'mcp-name', 'mcp-method', 'mcp-protocol-version'),
          async ({ body, said, header }, which) => {
            const before = server.calls().length;
            const name = which === 'mcp-name' ? body : 'open';
            const args = { level: which === 'mcp-param-level' ? body : 'low' };
            const answer = await client.request(
              'tools/call',
              { name, arguments: args },
              {
                headers: {
                  'mcp-name': 'open',
                  'mcp-param-level': 'low',
                  [which]: header,
                },
              },
            );
            const wellFormed = header === said || header === marked(said);
            const agrees =
              which === 'mcp-param-level' || which === 'mcp-name'
                ? wellFormed && said === body
                : header === (which === 'mcp-method' ? 'tools/call' : '2026-07-28');
            if (!agrees) {
              expect([which, answer.status]).toEqual([which, 400]);
              expect(server.calls()).toHaveLength(before);
            } else expect([which, answer.status]).toEqual([which, 200]);
          },
        ),
        { numRuns: LONG ? 5_000 : 150, endOnFailure: true },
      );
      await judge();
    },
    LONG ? 600_000 : 60_000,
  );

  /** Writes the bytes, waits until the other side hangs up or has been quiet for a while. */
  const raw = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(app.port, '127.0.0.1');
      let text = '';
      let quiet = setTimeout(() => socket.destroy(), 1_000);
      const again = (): void => {
        clearTimeout(quiet);
        quiet = setTimeout(() => socket.destroy(), 60);
      };
      socket.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
        again();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(quiet);
        resolve(text);
      });
      socket.write(Buffer.from(bytes, 'latin1'));
    });

  it(
    'can not be split into requests that nobody decided',
    async () => {
      const attack = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"secret","arguments":{"level":"low"}}}`;
      const inner = (auth: string): string =>
        `POST /mcp/s HTTP/1.1\r\nHost: 127.0.0.1\r\n${auth}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMcp-Session-Id: ${session}\r\nMcp-Protocol-Version: 2025-11-25\r\nContent-Length: ${attack.length}\r\n\r\n${attack}`;
      const auth = `Authorization: Bearer ${app.token()}\r\n`;
      const good = `{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"open","arguments":{"level":"low","text":"x"}}}`;
      const framing = fc.constantFrom<(body: string) => string>(
        (text) => `Content-Length: ${text.length}\r\n\r\n${text}`,
        (text) => `Content-Length: ${text.length}\r\nContent-Length: 5\r\n\r\n${text}`,
        (text) => `Content-Length: 5, ${text.length}\r\n\r\n${text}`,
        (text) =>
          `Content-Length: ${text.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${text}`,
        (text) =>
          `Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
        (text) => `Transfer-Encoding: xchunked\r\n\r\n${text}`,
        (text) => `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${text}`,
        (text) =>
          `Transfer-Encoding:\tchunked\r\n\r\n${text.length.toString(16)};x=1\r\n${text}\r\n0\r\n\r\n`,
        (text) => `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${text}`,
        (text) => `Content-Length: +${text.length}\r\n\r\n${text}`,
        (text) => `Content-Length: 0x${text.length.toString(16)}\r\n\r\n${text}`,
        (text) => `Content-Length: 99999999999999999999\r\n\r\n${text}`,
        (text) => `X-A: b\r\n Content-Length: 1\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
        (text) => `Content-Length: ${text.length}\n\n${text}`,
        (text) =>
          `Content-Length: ${text.length}\r\nMcp-Name: open\r\nMcp-Name: secret\r\n\r\n${text}`,
        (text) => `Content-Length: ${text.length}\r\nMcp-Name\u0000: open\r\n\r\n${text}`,
        (text) => `Expect: 100-continue\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
        (text) =>
          `Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
      );
      const start = fc.constantFrom(
        'POST /mcp/s HTTP/1.1',
        'POST http://evil.example/mcp/s HTTP/1.1',
        'POST /mcp/s HTTP/1.0',
        'POST  /mcp/s HTTP/1.1',
        'POST /mcp/s HTTP/2.0',
        'POST /mcp/s',
        'post /mcp/s HTTP/1.1',
        'CONNECT 127.0.0.1:80 HTTP/1.1',
        'POST /mcp/s\t HTTP/1.1',
      );
      await fc.assert(
        fc.asyncProperty(
          start,
          framing,
          fc.boolean(),
          fc.boolean(),
          async (line, frame, withAuth, carriesInner) => {
            const text = carriesInner ? inner(auth) : good;
            const head = `${line}\r\nHost: 127.0.0.1\r\n${withAuth ? auth : ''}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMcp-Session-Id: ${session}\r\nMcp-Protocol-Version: 2025-11-25\r\n`;
            const answer = await raw(head + frame(text) + (carriesInner ? '' : inner('')));
            if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 [1-4]\d\d /);
          },
        ),
        { numRuns: LONG ? 5_000 : 80, endOnFailure: true },
      );
      await judge();
    },
    LONG ? 600_000 : 60_000,
  );
});
