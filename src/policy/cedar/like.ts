/**
 * Does the whole text match the segments, with anything (also nothing) between two neighbours? One segment means no
 * wildcard. Greedy from the left: the first place a segment fits never makes a later one fail, so each segment is
 * searched once and no backtracking exists to be exploited.
 */
export function matchLike(segments: readonly string[], text: string): boolean {
  const first = segments[0] ?? '';
  if (segments.length === 1) return text === first;
  const last = segments[segments.length - 1] ?? '';
  const end = text.length - last.length;
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (let i = 1; i < segments.length - 1; i++) {
    const segment = segments[i] ?? '';
    const found = text.indexOf(segment, at);
    if (found < 0 || found + segment.length > end) return false;
    at = found + segment.length;
  }
  return true;
}
