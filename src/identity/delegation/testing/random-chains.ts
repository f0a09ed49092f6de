import type { readDetails } from '../details.ts';
import type { allowing, narrow, Rights, underCeiling } from '../rights.ts';
import { type NaiveCall, naivelyAllows } from './naive-check.ts';

/** The functions under test; a mutated copy of them in the mutation test. */
export interface Engine {
  readonly readDetails: typeof readDetails;
  readonly narrow: typeof narrow;
  readonly underCeiling: typeof underCeiling;
  readonly allowing: typeof allowing;
}

export interface ChainCounts {
  chains: number;
  exchanges: number;
  accepted: number;
  /** By number of exchanges that were accepted in a row. */
  readonly byDepth: number[];
  calls: number;
  allowed: number;
  /** Calls a leaf may make that one of its ancestors' grants does not cover. */
  readonly violations: string[];
}

const SERVERS = ['github', 'files'];
const TOOLS = ['read', 'write', 'constructor', '*'];
const ARGS = ['repo', 'path', 'n', 'constructor', '__proto__', 'toString'];
const PATHS = [
  ...[
    'acme',
    'acme/',
    'acme/app',
    'acme/app/',
    'acme/app/x',
    'acme-evil',
    'acme-evil/x',
    '/acme/app',
  ],
  ...[
    'acme/.',
    'acme/..',
    'acme/../z',
    'acme/./z',
    'acme//z',
    'acme/app/../../z',
    'acme/app/..',
    'acme\\..\\z',
  ],
  ...[
    'acme/%2e%2e/z',
    'acme/\u0000',
    'acme/x\u0000/../y',
    'acme/..;/z',
    'acme/\uff0e\uff0e/z',
    'acme/\u2025/z',
  ],
  ...[
    'Acme/app',
    'ACME',
    '',
    '/',
    '//',
    'acme/...',
    'acme/.. /z',
    'acme/app-1',
    'acme/app-1/x',
    'zed/app',
    '*',
  ],
];
const PATTERNS = [
  'acme/*',
  'acme/app-*',
  '*/app',
  'acme/*/x',
  '*',
  'acme/a*p',
  'zed/*',
  'acme/.*',
  'acme/..*',
];
const NUMBERS = [-5, -1, 0, 1, 2, 3, 5, 8, 9, Number.MAX_SAFE_INTEGER];

/** mulberry32: the same seed gives the same chains everywhere. */
function createRolls(seed: number): { below(n: number): number; pick<T>(of: readonly T[]): T } {
  let state = seed | 0;
  const below = (n: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
  return { below, pick: (of) => of[below(of.length)] as (typeof of)[number] };
}

/**
 * Makes random chains of exchanges, honest and hostile, and asks the leaf of each for random calls. What the leaf may call,
 * every grant above it must cover, as `naivelyAllows` sees it, on the budgets that the leaf's detail counts against.
 */
export function runChains(
  engine: Engine,
  chains: number,
  seed: number,
  stopAtFirst = false,
): ChainCounts {
  const { below, pick } = createRolls(seed);
  const counts: ChainCounts = {
    ...{
      chains: 0,
      exchanges: 0,
      accepted: 0,
      byDepth: [0, 0, 0, 0, 0, 0, 0],
      calls: 0,
      allowed: 0,
    },
    violations: [],
  };
  let budget = 0;
  const newId = (): string => `b.${++budget}`;

  const constraint = (): unknown => {
    switch (below(9)) {
      case 0:
        return { eq: pick<unknown>([...PATHS, ...NUMBERS, true, null, 0.5]) };
      case 1:
        return {
          in: Array.from({ length: 1 + below(3) }, () => pick<unknown>([...PATHS, ...NUMBERS])),
        };
      case 2:
      case 3:
        return { prefix: pick(PATHS) };
      case 4:
        return { pattern: pick([...PATTERNS, ...PATHS]) };
      case 5:
        return { min: pick(NUMBERS) };
      case 6:
        return { min: pick(NUMBERS), max: pick(NUMBERS) };
      case 7:
        return { max: pick<unknown>([...NUMBERS, 2.5, '3', Number.NaN]) };
      default:
        return pick<unknown>([
          {},
          { eq: 1, in: [1] },
          { prefix: 'acme', min: 1 },
          { regex: '.*' },
          'acme',
          null,
        ]);
    }
  };
  const args = (): unknown => {
    // JSON.parse, as on the wire: it makes `__proto__` an own member.
    const entries = Array.from({ length: below(3) }, () => [pick(ARGS), constraint()] as const);
    return JSON.parse(
      `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value) ?? 'null'}`).join(',')}}`,
    );
  };
  const detail = (): Record<string, unknown> => ({
    type: 'agent_tool',
    server: pick(SERVERS),
    tools: below(3) === 0 ? ['*'] : Array.from({ length: 1 + below(3) }, () => pick(TOOLS)),
    use: below(3) > 0,
    delegate: pick<unknown>([0, 1, 2, 3, 4, 5, 5, 6, 1, 2, -1, 0.5, 0.9, '0', 1e9]),
    args: args(),
    ...(below(5) === 0 ? { limits: { calls: pick<unknown>([1, 2, 5, 0, -1, 1.5]) } } : {}),
  });

  /** A request that looks like a narrower parent, with at most one thing changed. */
  const childOf = (parent: Record<string, unknown>): Record<string, unknown> => {
    const child = structuredClone(parent);
    delete child['limits'];
    child['args'] = { ...(parent['args'] as object) };
    child['delegate'] = below(6) === 0 ? parent['delegate'] : Number(parent['delegate']) - 1;
    child['use'] = below(2) === 0;
    const bounds = child['args'] as Record<string, unknown>;
    switch (below(10)) {
      case 0:
        bounds[pick(['repo', 'path', 'n'])] = constraint();
        break;
      case 1:
        for (const name of Object.keys(bounds)) if (below(2) === 0) delete bounds[name];
        break;
      case 2:
        for (const [name, rule] of Object.entries(bounds))
          bounds[name] = tightened(rule as Record<string, unknown>);
        break;
      case 3:
        child['tools'] = [pick(TOOLS)];
        break;
      case 4:
        child['server'] = pick(SERVERS);
        break;
      case 5:
        child['delegate'] = pick<unknown>([-1, 0, 0.5, 5, '0', 8]);
        break;
      case 6:
        child['limits'] = { calls: 1 + below(4) };
        break;
      case 7:
        child['tools'] = [...(parent['tools'] as string[]), pick(TOOLS)];
        break;
      default:
        for (const [name, rule] of Object.entries(bounds))
          if (below(2) === 0) bounds[name] = tightened(rule as Record<string, unknown>);
    }
    return child;
  };
  const tightened = (rule: Record<string, unknown>): unknown => {
    if (typeof rule['prefix'] === 'string') {
      const base = rule['prefix'];
      return pick<unknown>([
        ...[
          { prefix: `${base}/x` },
          { prefix: `${base}x` },
          { eq: `${base}/x` },
          { eq: `${base}/../z` },
        ],
        ...[
          { eq: `${base}-evil/x` },
          { prefix: `${base}/.` },
          { prefix: base },
          { pattern: `${base}/*` },
        ],
        ...[{ prefix: `${base}-evil` }, { pattern: `${base}*` }, { in: [`${base}/x`, 'zed'] }],
      ]);
    }
    if (typeof rule['pattern'] === 'string')
      return pick<unknown>([
        { pattern: rule['pattern'].replace('*', 'app') },
        { pattern: `${rule['pattern']}*` },
        { pattern: rule['pattern'].replace(/[^/*]+\*/, '*') },
        { prefix: 'acme' },
        rule,
      ]);
    if (Array.isArray(rule['in']))
      return pick<unknown>([
        { in: [rule['in'][0]] },
        { eq: rule['in'][0] },
        { in: [...rule['in'], 'zed/app'] },
      ]);
    if (rule['min'] !== undefined || rule['max'] !== undefined)
      return pick<unknown>([
        { eq: pick(NUMBERS) },
        { ...rule, max: pick(NUMBERS) },
        { ...rule, min: pick(NUMBERS) },
        { min: 1 },
        { max: 3 },
      ]);
    return pick<unknown>([rule, { prefix: 'acme' }, { pattern: '*' }]);
  };

  const value = (): unknown =>
    pick<unknown>([
      ...PATHS,
      ...NUMBERS,
      ...[
        true,
        null,
        0.5,
        2.5,
        10n ** 20n,
        ['acme'],
        { eq: 'acme' },
        'acme/app/x/y',
        'acmex',
        'acme/x',
        'acme/app-evil',
      ],
    ]);
  const callFor = (rights: Rights): NaiveCall => {
    const from = rights.details[below(rights.details.length)];
    const given: [string, unknown][] = Object.entries(from?.args ?? {}).map(([name, rule]) => [
      name,
      below(3) === 0 ? value() : near(rule as unknown as Record<string, unknown>),
    ]);
    if (below(3) === 0) given.push([pick(ARGS), value()]);
    if (below(8) === 0) given.pop();
    const tool = from?.tools[below(from.tools.length)] ?? 'read';
    return {
      server: below(12) === 0 ? pick(SERVERS) : (from?.server ?? ''),
      tool: tool === '*' || below(12) === 0 ? pick(['read', 'write', 'other']) : tool,
      args: Object.assign(Object.create(null), Object.fromEntries(given)),
    };
  };
  const near = (rule: Record<string, unknown>): unknown => {
    if (Object.hasOwn(rule, 'eq')) return rule['eq'];
    if (Array.isArray(rule['in'])) return pick(rule['in']);
    if (typeof rule['prefix'] === 'string') {
      const base = rule['prefix'];
      return (
        base +
        pick([
          '',
          '/x',
          '/x/y',
          '-evil/x',
          '/../z',
          '/x/../../z',
          'x',
          '/./x',
          '//x',
          '/%2e%2e/z',
          '\\..\\z',
          '/\uff0e\uff0e/z',
          '..',
          '/..;/z',
        ])
      );
    }
    if (typeof rule['pattern'] === 'string')
      return rule['pattern'].replaceAll(
        '*',
        pick(['', 'x', 'app', 'x/y', '..', '.', 'a/../b', '%2e', '\uff0e\uff0e']),
      );
    const edge = Number(rule['min'] ?? rule['max'] ?? 0);
    return pick<unknown>([
      edge,
      edge - 1,
      edge + 1,
      Number(rule['max'] ?? edge),
      Number(rule['max'] ?? edge) + 1,
      edge + 0.5,
    ]);
  };

  interface Level {
    readonly rights: Rights;
    /** Details that were never handed down, only cut with: the right need not travel through them. */
    readonly ceiling?: readonly object[];
  }

  const check = (levels: readonly Level[], call: NaiveCall): void => {
    counts.calls++;
    const leaf = levels.at(-1)?.rights;
    if (leaf === undefined) return;
    const found = engine.allowing(leaf, call);
    if (typeof found === 'string') return;
    counts.allowed++;
    for (const index of found) {
      const budgets = new Set((leaf.counters[index] ?? []).map((counter) => counter.id));
      for (const [at, { rights, ceiling }] of levels.entries()) {
        const distance = levels.length - 1 - at;
        const covered = rights.details.some(
          (one, i) =>
            naivelyAllows(one as unknown as Record<string, unknown>, call, distance) &&
            (rights.counters[i] ?? []).every((counter) => budgets.has(counter.id)),
        );
        const under =
          ceiling === undefined ||
          ceiling.some((one) => naivelyAllows(one as Record<string, unknown>, call, distance));
        if (covered && under) continue;
        const text = (thing: unknown): string =>
          JSON.stringify(thing, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v));
        counts.violations.push(`level ${at} does not cover ${text(call)}: ${text(levels)}`);
        return;
      }
    }
  };

  for (let chain = 0; chain < chains; chain++) {
    counts.chains++;
    // Most random roots are refused by the schema; a chain needs one that is not.
    let first = engine.readDetails(Array.from({ length: 1 + below(3) }, detail));
    for (let i = 0; i < 50 && !first.ok; i++) first = engine.readDetails([detail()]);
    if (!first.ok) continue;
    const root = engine.narrow(undefined, first.details, 'handed_down', newId);
    if (!root.ok) continue;
    const levels: Level[] = [{ rights: root.rights }];
    for (let tries = 0; tries < 12 && levels.length < 7; tries++) {
      const parent = levels.at(-1)?.rights ?? root.rights;
      const wanted = Array.from({ length: 1 + below(2) }, () =>
        below(6) === 0
          ? detail()
          : childOf(pick(parent.details) as unknown as Record<string, unknown>),
      );
      counts.exchanges++;
      const read = engine.readDetails(JSON.parse(JSON.stringify(wanted)));
      if (!read.ok) continue;
      let next = engine.narrow(parent, read.details, 'handed_down', newId);
      if (!next.ok) continue;
      let ceiling: readonly object[] | undefined;
      if (below(4) === 0) {
        const bound = engine.readDetails([
          below(2) === 0
            ? detail()
            : childOf(pick(next.rights.details) as unknown as Record<string, unknown>),
        ]);
        if (bound.ok) {
          next = engine.underCeiling(next.rights, bound.details);
          ceiling = bound.details;
        }
        if (!next.ok) continue;
      }
      counts.accepted++;
      levels.push({ rights: next.rights, ...(ceiling === undefined ? {} : { ceiling }) });
      for (let i = 0; i < 6; i++) check(levels, callFor(next.rights));
      if (stopAtFirst && counts.violations.length > 0) return counts;
    }
    counts.byDepth[levels.length - 1] = (counts.byDepth[levels.length - 1] ?? 0) + 1;
    const leaf = levels.at(-1)?.rights ?? root.rights;
    for (let i = 0; i < 10; i++) check(levels, callFor(leaf));
    for (let i = 0; i < 4; i++) check(levels, callFor(root.rights));
    if (stopAtFirst && counts.violations.length > 0) return counts;
  }
  return counts;
}
