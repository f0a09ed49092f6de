import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLineFramer } from './line-framer.ts';

function run(chunks: Buffer[], max = 1_000_000): string[] {
  const out: string[] = [];
  const framer = createLineFramer(max, {
    onLine: (text) => void out.push(text),
    onInvalidUtf8: () => void out.push('<bad>'),
    onTooLarge: (edges) => void out.push(`<large ${edges.length}>`),
  });
  for (const chunk of chunks) framer.push(chunk);
  return out;
}

it('gives the same lines however the bytes are cut', () => {
  const line = fc
    .string({ unit: 'binary' })
    .map((text) => text.toWellFormed().replace(/[\r\n]/g, ''));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(2000)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(''));
      const edges = [
        0,
        ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
        bytes.length,
      ];
      const chunks = edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
      expect(run(chunks)).toEqual(lines.filter((one) => one !== ''));
    }),
  );
});

it('drops a carriage return before the line feed and ignores an unfinished line', () => {
  expect(run([Buffer.from('a\r\n\r\n\nb\nrest')])).toEqual(['a', 'b']);
});

it('reports a line over the cap once, keeps a bounded part of it, and goes on behind it', () => {
  const chunks = [
    Buffer.from('ok\n'),
    ...Array.from({ length: 100 }, () => Buffer.alloc(1000, 'x')),
    Buffer.from('\nnext\n'),
  ];
  expect(run(chunks, 5000)).toEqual(['ok', '<large 1025>', 'next']);
});

it('takes a line of exactly the cap', () => {
  expect(run([Buffer.from('12345\n123456\n')], 5)).toEqual(['12345', '<large 13>']);
});

it('finds a line that is not UTF-8', () => {
  expect(run([Buffer.from([0x61, 0xff, 0x0a, 0x62, 0x0a])])).toEqual(['<bad>', 'b']);
});
