import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readMessageFacts } from './message-facts.ts';
import { createParamHeaders, headerValue, modernHeaders } from './modern-headers.ts';
import { readShimOptions } from './options.ts';
import { readEvents } from './read-events.ts';
import { readInputLines } from './read-lines.ts';
import { answeredId, errorFor, oneLine } from './replies.ts';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}
async function* chunks(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

describe('lines of the client', () => {
  test('come out whole however they were cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc
            .string({ unit: 'grapheme' })
            .filter((line) => !/[\r\n]/.test(line) && line.trim() !== ''),
        ),
        fc.array(fc.nat(9)),
        async (lines, sizes) => {
          const bytes = Buffer.from(lines.map((line) => `${line.toWellFormed()}\n`).join(''));
          expect(await all(readInputLines(chunks(bytes, sizes), 10_000))).toEqual(
            lines.map((line) => line.toWellFormed()),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test('are skipped when they are too long, and the next one is good', async () => {
    const bytes = Buffer.from(`${'x'.repeat(50)}\nok\n${'y'.repeat(11)}`);
    for (const size of [1, 7, 100])
      expect(
        await all(
          readInputLines(
            chunks(
              bytes,
              Array.from({ length: 80 }, () => size),
            ),
            10,
          ),
        ),
      ).toEqual([undefined, 'ok', undefined]);
  });

  test('may end in CRLF, and blank ones are nothing', async () => {
    expect(await all(readInputLines(chunks(Buffer.from('a\r\n\r\n \nb'), []), 10))).toEqual([
      'a',
      'b',
    ]);
  });
});

describe('events of the gateway', () => {
  test('come out whole however they were cut', async () => {
    const text =
      'id: 1.1\ndata: {"a":"é"}\n\n: beat\n\nevent: message\r\ndata: x\r\ndata: y\r\n\r\n';
    const bytes = Buffer.from(text);
    for (let size = 1; size < bytes.length; size += 1) {
      const sizes = Array.from({ length: Math.ceil(bytes.length / size) }, () => size);
      const events = await all(readEvents(chunks(bytes, sizes), 1_000));
      expect(events.filter(({ data }) => data !== '')).toEqual([
        { data: '{"a":"é"}', id: '1.1' },
        { data: 'x\ny', id: '1.1' },
      ]);
    }
  });

  test('are bounded', async () => {
    await expect(all(readEvents(chunks(Buffer.from('x'.repeat(100)), []), 50))).rejects.toThrow(
      'too large',
    );
  });
});

describe('what a message is', () => {
  test('requests, notifications, answers and batches are told apart, and nothing throws', () => {
    expect(readMessageFacts('{"jsonrpc":"2.0","id":0,"method":"ping"}')).toMatchObject({
      kind: 'request',
      ids: [0],
    });
    expect(readMessageFacts('{"jsonrpc":"2.0","id":"a","result":{}}')).toMatchObject({
      kind: 'response',
      ids: [],
    });
    expect(
      readMessageFacts('[{"id":1,"method":"a"},{"method":"b"},{"id":2,"result":{}}]'),
    ).toMatchObject({ kind: 'batch', ids: [1] });
    expect(readMessageFacts('nonsense')).toBeUndefined();
    fc.assert(fc.property(fc.jsonValue(), (value) => void readMessageFacts(JSON.stringify(value))));
  });

  test('the headers of a modern message repeat it', () => {
    const facts = readMessageFacts(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"grüße","arguments":{"region":"eu","n":{"x":5}},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}',
    )!;
    expect(modernHeaders(facts, facts.version!)).toEqual({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': `=?base64?${Buffer.from('grüße').toString('base64')}?=`,
    });
    const params = createParamHeaders();
    expect(params.of(facts)).toEqual({});
    params.learn(
      JSON.stringify({
        result: {
          tools: [
            {
              name: 'grüße',
              inputSchema: {
                properties: {
                  region: { type: 'string', 'x-mcp-header': 'Region' },
                  n: { properties: { x: { type: 'integer', 'x-mcp-header': 'X' } } },
                  bad: { type: 'string', 'x-mcp-header': 'a b\r\nc' },
                },
              },
            },
          ],
        },
      }),
    );
    expect(params.of(facts)).toEqual({ 'mcp-param-region': 'eu', 'mcp-param-x': '5' });
  });

  test('a header value never holds what could end a header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(headerValue(text)).toMatch(/^[\x20-\x7e\t]*$/);
      }),
    );
  });

  test('answers are put on one line and under the right id', () => {
    expect(oneLine('{\r\n "a":\n1}')).toBe('{  "a": 1}');
    expect(answeredId('{"id":"x","result":{}}')).toBe('"x"');
    expect(answeredId('{"id":1,"method":"ping"}')).toBeUndefined();
    expect(errorFor(7, '{"jsonrpc":"2.0","id":null,"error":{"code":-32020,"message":"m"}}')).toBe(
      '{"jsonrpc":"2.0","id":7,"error":{"code":-32020,"message":"m"}}',
    );
    expect(errorFor(7, '<html>')).toBeUndefined();
  });
});

describe('options of the shim', () => {
  test('are read in both spellings', () => {
    expect(readShimOptions(['--agent', 'a', '--server=s'])).toMatchObject({
      agent: 'a',
      server: 's',
    });
    expect(readShimOptions(['-h'])).toBe('help');
  });
  test.each([
    [[]],
    [['--agent']],
    [['--agent', '../x']],
    [['--agent', 'a', '--nope']],
    [['--agent', 'a', '--url', 'file:///x']],
    [['--agent', 'a', '--server', 'a/b']],
  ])('%j is a mistake of usage', (argv) => {
    expect(() => readShimOptions(argv)).toThrow(expect.objectContaining({ exit: 2 }) as Error);
  });
});
