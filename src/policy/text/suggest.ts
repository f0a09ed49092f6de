/** Names longer than this are not compared: the cost is the product of the lengths. */
const MAX_LENGTH = 64;
const MAX_CANDIDATES = 2_000;

/** The candidate that was probably meant, or undefined when nothing is near (a third of the letters, at most three). */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = nearEnough(word) + 1;
  let seen = 0;
  for (const candidate of candidates) {
    if (++seen > MAX_CANDIDATES) break;
    if (candidate === word || Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Every candidate that may have been meant, by the measure of `suggest`. */
export function nearby(word: string, candidates: Iterable<string>): string[] {
  if (word.length > MAX_LENGTH) return [];
  const lower = word.toLowerCase();
  const limit = nearEnough(word);
  const found: string[] = [];
  let seen = 0;
  for (const candidate of candidates) {
    if (++seen > MAX_CANDIDATES) break;
    if (candidate === word || Math.abs(candidate.length - word.length) > limit) continue;
    if (editDistance(lower, candidate.toLowerCase()) <= limit) found.push(candidate);
  }
  return found;
}

function nearEnough(word: string): number {
  return Math.min(3, Math.floor(word.length / 3));
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a.charAt(i - 1) === b.charAt(j - 1) ? 0 : 1);
      row.push(Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
