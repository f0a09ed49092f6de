/**
 * Says whether a call is within one grant, written without a look at the engine and for clarity only: everything is turned
 * into lists and big integers, and paths are read as the most obliging server would read them. For tests only.
 */

type Json = Readonly<Record<string, unknown>>;

export interface NaiveCall {
  readonly server: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Levels that the right still has to travel: 0 for the caller's own grant, which must say `use`. */
export function naivelyAllows(detail: Json, call: NaiveCall, levelsBelow: number): boolean {
  if (detail['server'] !== call.server) return false;
  const tools = new Set(detail['tools'] as string[]);
  if (!tools.has(call.tool) && !tools.has('*')) return false;
  if (levelsBelow === 0 ? detail['use'] !== true : !(Number(detail['delegate']) >= levelsBelow))
    return false;
  const given = new Map(Object.entries(call.args));
  for (const [name, constraint] of Object.entries((detail['args'] ?? {}) as Json))
    if (!given.has(name) || !naivelyAdmits(constraint as Json, given.get(name))) return false;
  return true;
}

function naivelyAdmits(constraint: Json, value: unknown): boolean {
  const rule = new Map(Object.entries(constraint));
  if (rule.has('eq')) return describe(rule.get('eq')) === describe(value);
  if (rule.has('in')) return (rule.get('in') as unknown[]).map(describe).includes(describe(value));
  if (rule.has('prefix')) {
    if (typeof value !== 'string') return false;
    const base = obliging(rule.get('prefix') as string);
    const found = obliging(value);
    return base.every((segment, index) => found[index] === segment);
  }
  if (rule.has('pattern')) {
    if (typeof value !== 'string') return false;
    const text = `${value.startsWith('/') ? '/' : ''}${obliging(value).join('/')}${value.endsWith('/') ? '/' : ''}`;
    const source = (rule.get('pattern') as string)
      .split('')
      .map((letter) => (letter === '*' ? '[^/]*' : letter.replace(/[^\w/ -]/g, '\\$&')))
      .join('');
    return new RegExp(`^${source}$`, 'u').test(value.replace(/\/+$/, '') === '' ? value : text);
  }
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value)))
    return false;
  const number = BigInt(value);
  const min = rule.get('min');
  const max = rule.get('max');
  return (
    (min === undefined || number >= BigInt(min as number)) &&
    (max === undefined || number <= BigInt(max as number))
  );
}

const describe = (value: unknown): string => `${typeof value}:${String(value)}`;

/** Segments after all that servers are known to do to a path: decode, fold slashes and full-width forms, resolve dots. */
function obliging(path: string): readonly string[] {
  let text = path.normalize('NFKC');
  for (let i = 0; i < 3; i++)
    text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  text = (text.split('\0')[0] ?? '').replaceAll('\\', '/');
  const out: string[] = [];
  for (const raw of text.split('/')) {
    const segment =
      raw
        .split(';')[0]
        ?.replace(/[. ]+$/, (end) => (end.length === raw.length ? end.trim() : end)) ?? '';
    if (segment === '' || segment === '.') continue;
    if (/^\.\.+$/.test(segment)) out.pop();
    else out.push(raw);
  }
  return out;
}
