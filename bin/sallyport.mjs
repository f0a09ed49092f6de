#!/usr/bin/env node
// Entry that any Node can parse: an old runtime gets one clear sentence instead of a syntax error.
import { existsSync } from 'node:fs';

const [major] = process.versions.node.split('.');
if (Number(major) < 24) {
  process.stderr.write(
    `Sallyport needs Node 24 or newer, this is ${process.version}. From a checkout, run it through npm (npm start, npm run sallyport -- …): npm brings the right Node along.\n`,
  );
  process.exit(2);
}
// The published package holds compiled files; a checkout runs its sources as they are.
const built = new URL('../dist/app/main.js', import.meta.url);
const source = new URL('../src/app/main.ts', import.meta.url);
const entry = existsSync(source) ? source : built;
const { enableCompileCache } = await import('node:module');
enableCompileCache();
const { main } = await import(entry.href);
await main(process.argv.slice(2));
