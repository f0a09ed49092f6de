import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeHeaderValue, encodeHeaderValue } from '../wire/header-value.ts';
import {
  modern,
  modernHeaders,
  send,
  session,
  startEdge,
  type TestEdge,
  VERSION,
} from './test-edge.ts';

let t: TestEdge;
let legacy: Record<string, string>;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
beforeAll(async () => {
  t = await startEdge({ limits: { maxSessionsPerPrincipal: 1_000_000, maxSessions: 1_000_000 } });
  legacy = await session(t.port);
});
afterAll(async () => {
  agent.destroy();
  await t.edge.close(0);
});

function post(headers: Record<string, string>, body: string | Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = httpRequest(
      { agent, host: '127.0.0.1', port: t.port, method: 'POST', path: '/mcp', headers },
      (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode ?? 0));
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}
const alive = async (): Promise<void> => {
  expect(
    (await send(t.port, { headers: modernHeaders('tools/list'), body: modern('tools/list') }))
      .status,
  ).toBe(200);
};

const METHODS = [
  'tools/call',
  'prompts/get',
  'resources/read',
  'tasks/get',
  'tools/list',
  'x/y',
] as const;
const KEYS: Record<string, string> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
};
const name = fc.oneof(
  fc.constantFrom(
    'echo',
    'Echo',
    'ECHO',
    ' echo',
    'echo ',
    'echо',
    'e\u0301cho',
    '\u00e9cho',
    '=?base64?ZWNobw==?=',
    'ec\tho',
    '',
  ),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((s) => s.toWellFormed()),
);
const headerName = fc.oneof(
  name.map(encodeHeaderValue),
  fc.constantFrom(
    'echo',
    'ECHO',
    '=?base64?ZWNobw==?=',
    '=?base64?ZWNobw?=',
    '=?BASE64?ZWNobw==?=',
    '=?base64?ZWNobx==?=',
    'echo, echo',
    '"echo"',
    'echo;q=1',
    '%65cho',
  ),
);

describe('header and body differential', () => {
  test('nothing reaches the core whose headers and body disagree, and all that agree does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...METHODS),
        fc.constantFrom(...METHODS),
        fc.option(name),
        fc.option(headerName),
        fc.boolean(),
        fc.constantFrom(
          VERSION,
          VERSION,
          VERSION,
          '2025-11-25',
          '2026-07-29',
          `${VERSION} `,
          undefined,
        ),
        async (bodyMethod, otherMethod, bodyName, header, same, version) => {
          const headerMethod = same ? bodyMethod : otherMethod;
          const key = KEYS[bodyMethod] ?? 'name';
          const params = bodyName === null ? {} : { [key]: bodyName };
          const headers: Record<string, string> = { ...modernHeaders(headerMethod) };
          if (header !== null) headers['mcp-name'] = header;
          if (version === undefined) delete headers['mcp-protocol-version'];
          else headers['mcp-protocol-version'] = version;
          const before = t.core.seen.length;
          const status = await post(headers, modern(bodyMethod, params));
          const reached = t.core.seen.length > before;
          const named = Object.hasOwn(KEYS, bodyMethod);
          const decoded = header === null ? undefined : decodeHeaderValue(header.trim());
          const agree =
            headerMethod === bodyMethod &&
            version?.trim() === VERSION &&
            (!named ||
              (header === null
                ? bodyName === null
                : decoded !== undefined && decoded === bodyName));
          expect(reached).toBe(agree);
          expect(status).toBe(agree ? 200 : 400);
        },
      ),
      { numRuns: 600 },
    );
    await alive();
  });

  test('parameter headers reach the core decoded or not at all', async () => {
    await fc.assert(
      fc.asyncProperty(name, fc.constantFrom('a', 'Region', 'x-1'), async (value, suffix) => {
        const before = t.core.seen.length;
        await post(
          { ...modernHeaders('tools/list'), [`Mcp-Param-${suffix}`]: encodeHeaderValue(value) },
          modern('tools/list'),
        );
        const seen = t.core.seen[before];
        expect({ ...seen?.paramHeaders }).toEqual({ [`mcp-param-${suffix.toLowerCase()}`]: value });
      }),
      { numRuns: 100 },
    );
  });
});

describe('hostile bodies', () => {
  test('mutated messages never crash, and what reaches the core is what a strict reader reads', async () => {
    const seeds = [
      modern('tools/call', { name: 'echo', arguments: { a: [1, { b: 'x' }], c: '\u00e9' } }),
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}',
      '[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
      '{"jsonrpc":"2.0","id":"inst:1","result":{}}',
    ];
    const piece = fc.oneof(
      fc.constantFrom(
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '\\u0000',
        '\\ud800',
        '"name":"evil",',
        '"method":"ping",',
        '"id":null,',
        '\u0000',
        '1e999',
        '"_meta":{},',
      ),
      fc.string({ maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(400), piece, fc.nat(3)), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (seed, edits, inSession) => {
          let text = seed;
          for (const [at, insert, remove] of edits) {
            const where = at % (text.length + 1);
            text = text.slice(0, where) + insert + text.slice(where + remove);
          }
          const before = t.core.seen.length;
          const status = await post(inSession ? legacy : modernHeaders('tools/call', 'echo'), text);
          expect([200, 202, 400, 404, 413]).toContain(status);
          const seen = t.core.seen[before];
          if (seen === undefined) return;
          const message = JSON.parse(text) as {
            method: string;
            params?: { name?: unknown; _meta?: unknown };
          };
          expect(seen.method).toBe(message.method);
          const { _meta: _sent, ...sent } = message.params ?? {};
          const { _meta: _got, ...got } = JSON.parse(seen.params ?? '{}') as Record<
            string,
            unknown
          >;
          expect(got).toEqual(sent);
          if (!inSession) expect(message.params?.name).toBe('echo');
        },
      ),
      { numRuns: 800 },
    );
    await alive();
  });

  test('random bytes as body or as the whole request never crash and never reach the core', async () => {
    const before = t.core.seen.length;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await post(modernHeaders('tools/list'), Buffer.from(bytes))).toBe(400);
      }),
      { numRuns: 150 },
    );
    const line = fc.oneof(
      fc.constantFrom(
        'POST /mcp HTTP/1.1',
        'GET /mcp HTTP/1.0',
        'Host: 127.0.0.1',
        'Host: x',
        'Content-Length: 10',
        'Content-Length: -1',
        'Transfer-Encoding: chunked',
        'Mcp-Method: tools/list',
        'Authorization: Bearer alice',
        'Content-Type: application/json',
        'Mcp-Session-Id: \u00ff',
        ': x',
        ' folded',
        'Expect: 100-continue',
        'Upgrade: h2c',
        'Connection: upgrade',
        '',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 20 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 12 }),
        fc.constantFrom('\r\n', '\n', '\r'),
        async (lines, end) => {
          await new Promise<void>((resolve) => {
            const socket = connect(t.port, '127.0.0.1', () =>
              socket.end(lines.join(end) + end + end),
            );
            socket.on('error', () => {});
            socket.on('close', () => resolve());
            socket.resume();
          });
        },
      ),
      { numRuns: 150 },
    );
    expect(t.core.seen.length).toBe(before);
    await alive();
  });
});

describe('hostile session ids', () => {
  test('no id but the exact one opens the session', async () => {
    const id = String(legacy['mcp-session-id']);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc
            .tuple(fc.nat(id.length - 1), fc.constantFrom(...'AZaz09-_.='))
            .map(([at, char]) => id.slice(0, at) + char + id.slice(at + 1)),
          fc.nat(id.length - 1).map((length) => id.slice(0, length)),
          fc.constantFrom(
            `${id}=`,
            `${id}.`,
            id.toLowerCase(),
            `x${id}`,
            `${id},${id}`,
            '',
            '=?base64?aw==?=',
          ),
          fc.stringMatching(/^[\x21-\x7e]{1,40}$/),
        ),
        async (presented) => {
          fc.pre(presented !== id);
          const before = t.core.seen.length;
          const status = await post(
            { ...legacy, 'mcp-session-id': presented },
            '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
          );
          expect([400, 404]).toContain(status);
          expect(t.core.seen.length).toBe(before);
        },
      ),
      { numRuns: 300 },
    );
  });
});
