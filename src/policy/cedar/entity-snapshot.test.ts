import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CedarRecord,
  DEFAULT_LIMITS,
  type EntityInput,
  EntitySnapshot,
  EntityUid,
  toRecord,
} from './index.ts';

const uid = (name: string) => new EntityUid('N', name);
const entity = (
  name: string,
  parents: readonly string[] = [],
  attrs: unknown = {},
): EntityInput => {
  const record = toRecord(attrs);
  if (!record.ok) throw new Error('attrs');
  return {
    uid: uid(name),
    attrs: record.value,
    tags: CedarRecord.empty,
    parents: parents.map(uid),
  };
};
const after = (snapshot: EntitySnapshot, ...put: EntityInput[]): EntitySnapshot => {
  const next = snapshot.with({ put });
  if (!next.ok) throw new Error(`${next.error.at}: ${next.error.problem}`);
  return next.value;
};
const ancestors = (snapshot: EntitySnapshot, name: string): string[] =>
  snapshot
    .ancestorsOf(uid(name))
    .list.map((ancestor) => ancestor.id)
    .sort();

test('ancestors follow a change of a parent’s parents, and old snapshots keep their own', () => {
  const before = after(
    EntitySnapshot.empty,
    entity('top'),
    entity('mid', ['top']),
    entity('leaf', ['mid']),
    entity('other'),
  );
  const moved = after(before, entity('mid', ['other']));
  expect(ancestors(before, 'leaf')).toEqual(['mid', 'top']);
  expect(ancestors(moved, 'leaf')).toEqual(['mid', 'other']);
  expect(moved.version).toBe(before.version + 1);
});

test('a change of attributes rebuilds only the entity itself', () => {
  const before = after(
    EntitySnapshot.empty,
    entity('top'),
    entity('leaf', ['top']),
    entity('other'),
  );
  const next = after(before, entity('top', [], { a: 1 }));
  expect(next.find(uid('leaf'))).toBe(before.find(uid('leaf')));
  expect(next.find(uid('top'))).not.toBe(before.find(uid('top')));
  expect(before.find(uid('top'))?.attrs.size).toBe(0);
});

test('a change of parents rebuilds descendants and nobody else', () => {
  const before = after(
    EntitySnapshot.empty,
    entity('top'),
    entity('mid'),
    entity('leaf', ['mid']),
    entity('aside', ['top']),
  );
  const next = after(before, entity('mid', ['top']));
  expect(ancestors(next, 'leaf')).toEqual(['mid', 'top']);
  expect(next.find(uid('aside'))).toBe(before.find(uid('aside')));
});

test.each<[string, Parameters<EntitySnapshot['with']>[0], string]>([
  ['a cycle', { put: [entity('top', ['leaf'])] }, 'the entity would be its own ancestor'],
  ['a parent of itself', { put: [entity('new', ['new'])] }, 'the entity would be its own ancestor'],
  [
    'a cycle within one change',
    { put: [entity('n1', ['n2']), entity('n2', ['n1'])] },
    'the entity would be its own ancestor',
  ],
  ['an entity listed twice', { put: [entity('n'), entity('n')] }, 'the entity is listed twice'],
  [
    'an entity both written and removed',
    { put: [entity('leaf')], remove: [uid('leaf')] },
    'the entity is listed twice',
  ],
  [
    'a parent that does not exist',
    { put: [entity('n', ['ghost'])] },
    'the parent N::"ghost" does not exist',
  ],
  [
    'removing a parent of something that stays',
    { remove: [uid('mid')] },
    'the parent N::"mid" does not exist',
  ],
  ['too many parents', { put: [entity('n', new Array(65).fill('top'))] }, 'more than 64 parents'],
])('a change with %s is refused as a whole', (_, change, problem) => {
  const before = after(
    EntitySnapshot.empty,
    entity('top'),
    entity('mid', ['top']),
    entity('leaf', ['mid']),
  );
  const result = before.with(change);
  expect(result.ok ? undefined : result.error.problem).toBe(problem);
  expect(before.size).toBe(3);
});

test('a family may be removed together, and removing what is not there changes nothing', () => {
  const before = after(
    EntitySnapshot.empty,
    entity('top'),
    entity('mid', ['top']),
    entity('leaf', ['mid']),
  );
  const gone = before.with({ remove: [uid('mid'), uid('leaf'), uid('ghost')] });
  expect(gone.ok && [gone.value.size, gone.value.find(uid('leaf'))]).toEqual([1, undefined]);
});

test('size and depth are bounded', () => {
  const small = EntitySnapshot.create({ ...DEFAULT_LIMITS, entities: 2, ancestorsPerEntity: 2 });
  expect(small.with({ put: [entity('a'), entity('b'), entity('c')] }).ok).toBe(false);
  const deep = EntitySnapshot.create({ ...DEFAULT_LIMITS, ancestorsPerEntity: 2 });
  const three = after(deep, entity('a'), entity('b', ['a']), entity('c', ['b']));
  expect(three.with({ put: [entity('d', ['c'])] }).ok).toBe(false);
  // Moving something up in the middle must not sneak past the bound either.
  expect(three.with({ put: [entity('z'), entity('a', ['z'])] }).ok).toBe(false);
});

test('any sequence of changes ends where building the result at once would, or is refused for the same reason', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  const step = fc.record({
    put: fc.uniqueArray(fc.tuple(name, fc.uniqueArray(name, { maxLength: 2 })), {
      selector: (pair) => pair[0],
      maxLength: 3,
    }),
    remove: fc.uniqueArray(name, { maxLength: 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let snapshot = EntitySnapshot.empty;
      let parents = new Map<string, string[]>();
      for (const { put, remove } of steps) {
        const wanted = new Map(parents);
        for (const gone of remove) wanted.delete(gone);
        for (const [child, above] of put) wanted.set(child, above);
        const clash = put.some(([child]) => remove.includes(child));
        const result = snapshot.with({
          put: put.map(([child, above]) => entity(child, above)),
          remove: remove.map(uid),
        });
        const legal = !clash && closure(wanted) !== undefined;
        expect(result.ok).toBe(legal);
        if (!result.ok) continue;
        snapshot = result.value;
        parents = wanted;
      }
      const expected = closure(parents) ?? new Map<string, Set<string>>();
      expect(snapshot.size).toBe(expected.size);
      for (const [child, above] of expected)
        expect(ancestors(snapshot, child)).toEqual([...above].sort());
    }),
  );
});

/** Ancestors by brute force; undefined when there is a cycle or a missing parent. */
function closure(parents: Map<string, string[]>): Map<string, Set<string>> | undefined {
  const all = new Map([...parents].map(([child, above]) => [child, new Set(above)]));
  for (let round = 0; round < parents.size + 1; round++) {
    for (const above of all.values())
      for (const one of [...above]) for (const next of all.get(one) ?? []) above.add(next);
  }
  for (const [child, above] of all)
    if (above.has(child) || [...above].some((one) => !parents.has(one))) return undefined;
  return all;
}
