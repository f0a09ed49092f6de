/** A line, or `undefined` for one that was longer than the limit and was skipped. */
export type InputLine = string | undefined;

/**
 * Lines of a byte stream without their ends. A line longer than `limit` bytes is skipped and told of, and costs no
 * memory beyond the limit.
 */
export async function* readInputLines(
  input: AsyncIterable<Buffer | string>,
  limit: number,
): AsyncGenerator<InputLine, void, void> {
  let parts: Buffer[] = [];
  let size = 0;
  let skipping = false;
  for await (const given of input) {
    const chunk = typeof given === 'string' ? Buffer.from(given) : given;
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const tail = chunk.subarray(start, end);
      start = end + 1;
      const tooLong = skipping || size + tail.length > limit;
      const line = tooLong ? undefined : Buffer.concat([...parts, tail]).toString('utf8');
      parts = [];
      size = 0;
      skipping = false;
      if (line === undefined) yield undefined;
      else if (line.trim() !== '') yield line.endsWith('\r') ? line.slice(0, -1) : line;
    }
    const rest = chunk.subarray(start);
    if (skipping) continue;
    size += rest.length;
    if (size > limit) {
      skipping = true;
      parts = [];
    } else if (rest.length > 0) parts.push(Buffer.from(rest));
  }
  if (skipping) yield undefined;
  else if (size > 0) {
    const line = Buffer.concat(parts).toString('utf8');
    if (line.trim() !== '') yield line;
  }
}
