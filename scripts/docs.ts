// Writes the generated references; with --check only says what would change (exit 1).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { references } from './references.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const check = process.argv.includes('--check');
let stale = 0;
for (const [path, text] of references()) {
  const file = `${root}${path}`;
  let present = '';
  try {
    present = readFileSync(file, 'utf8');
  } catch {
    // Not written yet.
  }
  if (present === text) continue;
  stale++;
  if (check) process.stdout.write(`${path} is not what the code says; run npm run docs\n`);
  else writeFileSync(file, text);
}
process.exitCode = check && stale > 0 ? 1 : 0;
