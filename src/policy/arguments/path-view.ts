import { CedarRecord, CedarSet, type Value } from '../cedar/values.ts';
import { MAX_VIEW_ELEMENTS, viewedTexts } from './viewed-texts.ts';

/** Beginnings of one name, such as `.env` of `.env.local`. */
const MAX_BEGINNINGS = 8;
const MAX_SEGMENTS = 256;

const ASCII = /^[\x20-\x7e]*$/;
const SLASH = 47;
const DOT = 46;
const COLON = 58;

/**
 * How policy sees an argument that is a path or a list of paths (`context.paths.<argument>`):
 *
 * - `at`: the normalised path; of a list, the deepest folder that holds all of them.
 * - `under`: `at` and every folder above it. `under.contains("/workspace")` is true exactly for what is inside the
 *   workspace or is the workspace, and cannot be led astray by `..` or by `/workspace-old`.
 * - `parts`: every folder and file name of every path in lower case, and each of their beginnings before a `.` or `:`
 *   (`.env` for `.env.local`), so that one `containsAny` finds a name at any depth.
 * - `extensions`: lower-case extensions of the file names, without the dot.
 *
 * Normalising is textual: `.` and `..` are resolved, slashes collapse, a drive letter or UNC path gets `/` for `\`,
 * a `file:` URL is decoded, Unicode is NFC. Links are not followed: nothing here touches a disk. A relative path
 * starts with `./`, or with `../` where it leaves its start. Undefined when the argument is no path that can be
 * judged: too long, too many, with NUL, above a home folder, or with `\` where that may or may not separate.
 */
export function pathView(value: Value | undefined): CedarRecord | undefined {
  const texts = viewedTexts(value);
  if (texts === undefined) return undefined;
  const names: Names = { parts: [], extensions: [], seen: undefined };
  if (texts.length > 1) names.seen = new Set();
  let common: string[] | undefined;
  for (const text of texts) {
    const segments = normalisedSegments(text);
    if (segments === undefined || segments.length > MAX_SEGMENTS) return undefined;
    collectNames(segments, names);
    if (names.parts.length > MAX_VIEW_ELEMENTS) return undefined;
    common = common === undefined ? segments : sharedStart(common, segments);
  }
  const under = foldersOf(common ?? []);
  const view = [
    under.at(-1) ?? '',
    new CedarSet(under),
    setOf(names.parts),
    setOf(names.extensions),
  ];
  return CedarRecord.of(FIELDS, view);
}

const FIELDS = ['at', 'under', 'parts', 'extensions'];
const NOTHING = new CedarSet([]);

/** `seen` spares a long list of paths its repetitions; within one path they do no harm. */
interface Names {
  readonly parts: string[];
  readonly extensions: string[];
  seen: Set<string> | undefined;
}

function setOf(items: readonly string[]): CedarSet {
  return items.length === 0 ? NOTHING : new CedarSet(items);
}

/** The path itself last, before it every folder above, from the root on. */
function foldersOf(segments: readonly string[]): string[] {
  const out: string[] = [];
  let at = '';
  for (let index = 0; index < segments.length; index++) {
    const segment = segments[index] ?? '';
    if (index === 0) at = segment;
    else at = index === 1 && at === '' ? `/${segment}` : `${at}/${segment}`;
    out.push(index === 0 && segment === '' ? '/' : at);
  }
  return out;
}

/**
 * The first segment is the root: empty for `/`, `c:` for a drive, `//host/share` for UNC, `~`, or `.` and `..` for
 * relative paths.
 */
export function normalisedSegments(text: string): string[] | undefined {
  if (text.includes('\0') || text === '') return undefined;
  // Plain ASCII, by far the most common, is NFC already.
  let path = ASCII.test(text) ? text : text.normalize('NFC');
  if (path.charCodeAt(0) === SLASH && !path.includes('\\')) return resolved('', path, true);
  if (/^file:/i.test(path)) {
    const decoded = fromFileUrl(path);
    if (decoded === undefined) return undefined;
    path = decoded;
  }
  const windows = /^[A-Za-z]:[\\/]/.test(path) || /^\\\\[^\\]/.test(path);
  if (windows) path = path.replaceAll('\\', '/');
  else if (path.includes('\\')) return undefined;
  const { root, rest, fixed } = rootOf(path, windows);
  return resolved(root, rest, fixed);
}

interface Rooted {
  readonly root: string;
  readonly rest: string;
  /** `..` above the root stays the root. */
  readonly fixed: boolean;
}

function rootOf(path: string, windows: boolean): Rooted {
  if (windows && path.startsWith('//')) {
    const [, , host = '', share = '', ...rest] = path.split('/');
    return {
      root: `//${host.toLowerCase()}/${share.toLowerCase()}`,
      rest: rest.join('/'),
      fixed: true,
    };
  }
  if (windows) return { root: path.slice(0, 2).toLowerCase(), rest: path.slice(2), fixed: true };
  if (path.startsWith('/')) return { root: '', rest: path, fixed: true };
  if (path === '~' || path.startsWith('~/'))
    return { root: '~', rest: path.slice(1), fixed: false };
  return { root: '.', rest: path, fixed: false };
}

function resolved(root: string, rest: string, fixed: boolean): string[] | undefined {
  const out = [root];
  let above = 0;
  for (const segment of rest.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') out.push(segment);
    else if (out.length > 1) out.pop();
    else if (!fixed) above++;
  }
  if (above === 0) return out;
  // What lies above a home folder depends on whose it is.
  if (root !== '.') return undefined;
  // One segment, because `../../x` is not under `..`.
  out[0] = Array.from({ length: above }, () => '..').join('/');
  return out;
}

function fromFileUrl(text: string): string | undefined {
  try {
    const url = new URL(text);
    if (url.host !== '' && url.host !== 'localhost') return undefined;
    const path = decodeURIComponent(url.pathname);
    return path.includes('\0') ? undefined : /^\/[A-Za-z]:\//.test(path) ? path.slice(1) : path;
  } catch {
    return undefined;
  }
}

function sharedStart(a: string[], b: string[]): string[] {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}

function collectNames(segments: readonly string[], names: Names): void {
  for (let index = 1; index < segments.length; index++) {
    const name = (segments[index] ?? '').toLowerCase().trim();
    add(names.parts, name, names.seen);
    let beginnings = 0;
    for (let at = 1; at < name.length && beginnings < MAX_BEGINNINGS; at++) {
      const code = name.charCodeAt(at);
      if (code !== DOT && code !== COLON) continue;
      add(names.parts, name.slice(0, at).trim(), names.seen);
      beginnings++;
    }
  }
  const last = (segments.length > 1 ? segments.at(-1) : undefined) ?? '';
  const dot = last.lastIndexOf('.');
  if (dot > 0 && dot < last.length - 1)
    add(names.extensions, last.slice(dot + 1).toLowerCase(), undefined);
}

function add(to: string[], name: string, seen: Set<string> | undefined): void {
  if (seen?.has(name)) return;
  seen?.add(name);
  to.push(name);
}
