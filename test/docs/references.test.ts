import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { references } from '../../scripts/references.ts';

it.each([...references()])('%s says what the code says', (path, text) => {
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
});
