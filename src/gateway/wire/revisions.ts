import type { Era, Revision } from '../model.ts';

/** Oldest first. */
export const REVISIONS: readonly Revision[] = [
  '2024-11-05',
  '2025-03-26',
  '2025-06-18',
  '2025-11-25',
  '2026-07-28',
];
export const LEGACY_REVISIONS: readonly Revision[] = REVISIONS.slice(0, 4);
export const MODERN_REVISIONS: readonly Revision[] = REVISIONS.slice(4);
/** What a legacy client gets whose asked revision we don't know. */
export const LATEST_LEGACY: Revision = '2025-11-25';
export const LATEST: Revision = '2026-07-28';
/** What a request without a version header and without a session means (2025-06-18, transports). */
export const ASSUMED_LEGACY: Revision = '2025-03-26';

export function isRevision(text: string | undefined): text is Revision {
  return text !== undefined && (REVISIONS as readonly string[]).includes(text);
}

export function eraOf(revision: Revision): Era {
  return revision >= '2026-07-28' ? 'modern' : 'legacy';
}

/** Revisions are dates, so their order is the order of the strings. */
export function atLeast(revision: Revision, floor: Revision): boolean {
  return revision >= floor;
}

/** True when a header value names the modern era, known or still to come; such a request owes the modern headers. */
export function namesModern(version: string | undefined): boolean {
  return version !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= '2026-07-28';
}

/** JSON-RPC batches exist in 2025-03-26 alone. */
export function allowsBatch(revision: Revision): boolean {
  return revision === '2025-03-26';
}
