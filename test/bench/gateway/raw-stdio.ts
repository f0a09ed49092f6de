// The raw backend over stdio: one JSON-RPC message per line.
import { answer } from './wire.ts';

let rest = '';
process.stdin.setEncoding('utf8').on('data', (text: string) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop() ?? '';
  let out = '';
  for (const line of lines) {
    const found = line === '' ? undefined : answer(line);
    if (found !== undefined) out += `${found.json}\n`;
  }
  if (out !== '') process.stdout.write(out);
});
process.stdin.on('end', () => process.exit(0));
