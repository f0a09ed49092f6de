import type { EntityUid } from './values.ts';

/**
 * Two of 32 bits for an entity name: a tiny Bloom filter. If the bits of a head's entity are not all in the mask of
 * a request's entity and its ancestors, the head cannot match, and the policy itself need not be fetched from
 * memory to know it. The converse says nothing.
 */
export function uidBits(uid: EntityUid): number {
  const hash = Math.imul(fold(fold(0x811c9dc5, uid.type) ^ 0xff, uid.id), 0x9e3779b1);
  return (1 << (hash & 31)) | (1 << ((hash >>> 5) & 31));
}

/** Of a long name only both ends count: a request must not pay for it. */
function fold(start: number, text: string): number {
  let hash = start ^ text.length;
  const length = text.length;
  const head = length < 48 ? length : 24;
  for (let i = 0; i < head; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  for (let i = length < 48 ? length : length - 24; i < length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
