import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSseParser, encodeSse, type SseEvent } from './sse-parser.ts';

function parse(
  chunks: Uint8Array[],
  maxEventBytes = 1_000_000,
): { events: SseEvent[]; errors: string[] } {
  const events: SseEvent[] = [];
  const errors: string[] = [];
  const parser = createSseParser({
    maxEventBytes,
    onEvent: (e) => events.push(e),
    onError: (p) => errors.push(p),
  });
  for (const chunk of chunks) parser.push(chunk);
  parser.end();
  return { events, errors };
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length));
}

const line = fc.oneof(
  fc.constantFrom(
    'data: a',
    'data:b',
    'data',
    'data:',
    'event: x',
    'event:',
    'id: 7',
    'id',
    ': note',
    ':',
    'retry: 10',
    'retry: x',
    'unknown: 1',
    'data: é😀',
    ' data: x',
  ),
  fc
    .string({ unit: 'grapheme', maxLength: 6 })
    .filter((s) => s.isWellFormed() && !/[\r\n\0]/.test(s))
    .map((s) => `data: ${s}`),
);
const stream = fc
  .tuple(
    fc.array(fc.tuple(fc.oneof(line, fc.constant('')), fc.constantFrom('\n', '\r\n', '\r')), {
      maxLength: 14,
    }),
    fc.boolean(),
  )
  .map(([lines, bom]) => (bom ? '\ufeff' : '') + lines.map(([text, end]) => text + end).join(''));

describe('event stream parser', () => {
  test('agrees with eventsource-parser however the bytes are cut', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 6 }), (text, cuts) => {
        const oracle: Array<{ event: string; data: string; id: string | undefined }> = [];
        const other = createParser({
          onEvent: (e) => oracle.push({ event: e.event || 'message', data: e.data, id: e.id }),
        });
        other.feed(text.replace(/\r\n|\r/g, '\n'));
        const { events, errors } = parse(cut(new TextEncoder().encode(text), cuts));
        expect(errors).toEqual([]);
        expect(events.map(({ event, data, id }) => ({ event, data, id }))).toEqual(oracle);
      }),
      { numRuns: 1_000 },
    );
  });

  test('what is encoded is parsed again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const data = JSON.stringify(value.toWellFormed());
        const { events } = parse([
          new TextEncoder().encode(encodeSse({ event: 'e', data, id: '1.2', retry: 5 })),
        ]);
        expect(events).toEqual([{ event: 'e', data, id: '1.2', retry: 5 }]);
      }),
    );
  });

  test('JSON with line ends between tokens keeps its meaning', () => {
    const { events } = parse([new TextEncoder().encode(encodeSse({ data: '{\r\n"a":\r1\n}' }))]);
    expect(JSON.parse(events[0]?.data ?? '')).toEqual({ a: 1 });
  });

  test('an empty data line is an event, a block without data is none but moves id and retry', () => {
    const events: SseEvent[] = [];
    const parser = createSseParser({
      maxEventBytes: 99,
      onEvent: (e) => events.push(e),
      onError: () => {},
    });
    parser.push(new TextEncoder().encode('id: 1\ndata:\n\nid: 2\nretry: 30\n\n'));
    expect(events).toEqual([{ event: 'message', data: '', id: '1', retry: undefined }]);
    expect([parser.lastEventId(), parser.retry()]).toEqual(['2', 30]);
  });

  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong form', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a character cut by the end', [0x64, 0xe2, 0x82]],
  ])('%s is an error', (_name, bytes) => {
    expect(parse([Uint8Array.from(bytes)]).errors).toHaveLength(1);
  });

  test('a block, a line and an unfinished line over the limit are errors, once', () => {
    const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
    expect(parse([encode('data: 123456789\n\n')], 10).errors).toHaveLength(1);
    expect(
      parse(
        Array.from({ length: 50 }, () => encode('data: 1\n')),
        100,
      ).errors,
    ).toHaveLength(1);
    expect(
      parse(
        Array.from({ length: 50 }, () => encode('xxxx')),
        100,
      ).errors,
    ).toHaveLength(1);
    expect(
      parse(
        Array.from({ length: 500 }, () => encode(':\n')),
        100,
      ).errors,
    ).toEqual([]);
  });

  test('nothing is reported after an error', () => {
    const { events, errors } = parse([
      Uint8Array.from([0xff]),
      new TextEncoder().encode('data: x\n\n'),
    ]);
    expect([events, errors.length]).toEqual([[], 1]);
  });
});
