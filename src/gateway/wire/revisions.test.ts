import { expect, test } from 'vitest';
import {
  allowsBatch,
  atLeast,
  eraOf,
  isRevision,
  LEGACY_REVISIONS,
  MODERN_REVISIONS,
  namesModern,
  REVISIONS,
} from './revisions.ts';

test('every revision belongs to one era and dates order them', () => {
  expect([...LEGACY_REVISIONS, ...MODERN_REVISIONS]).toEqual(REVISIONS);
  expect(LEGACY_REVISIONS.every((revision) => eraOf(revision) === 'legacy')).toBe(true);
  expect(MODERN_REVISIONS.every((revision) => eraOf(revision) === 'modern')).toBe(true);
  expect(atLeast('2025-11-25', '2025-06-18')).toBe(true);
  expect(atLeast('2025-03-26', '2025-06-18')).toBe(false);
});

test('only dates name an era, and batches exist in one revision', () => {
  expect(['2026-07-28', '2030-01-01'].map(namesModern)).toEqual([true, true]);
  expect(['2025-11-25', 'v999.0.0', '', undefined].map(namesModern)).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(REVISIONS.filter(allowsBatch)).toEqual(['2025-03-26']);
  expect(isRevision('2026-01-01')).toBe(false);
});
