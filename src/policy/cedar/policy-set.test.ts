import { expect, test } from 'vitest';
import {
  authorize,
  CedarRecord,
  type CompiledPolicy,
  compileTemplate,
  EntityUid,
  linkTemplate,
  PolicySet,
} from './index.ts';
import { type IndexNode, isSplit } from './policy-index.ts';
import { Dice, generateBatch } from './testing/generate.ts';
import { cedar, compileSet, loadEntities, mustCompile, ours } from './testing/referee.ts';

const must = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};

/** Policies the index would look at. */
function looked(node: IndexNode, uids: readonly EntityUid[]): number {
  if (!isSplit(node)) return node.policies.length;
  const uid = uids[node.dimension];
  const child = uid === undefined ? undefined : node.children.get(uid);
  return looked(node.rest, uids) + (child === undefined ? 0 : looked(child, uids));
}

test('adding, replacing and removing one by one decides as building the set at once', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const batches = [
      generateBatch(seed, 12),
      generateBatch(seed + 1_000, 0),
      generateBatch(seed + 2_000, 0),
    ];
    const policies: CompiledPolicy[] = batches.flatMap((batch, i) => {
      const set = compileSet(batch.texts);
      if (typeof set === 'string') throw new Error(set);
      return [...set.policies()].map((policy) => ({ ...policy, id: `${i}-${policy.id}` }));
    });
    const dice = new Dice(seed);
    const live = new Map<string, CompiledPolicy>();
    let grown = PolicySet.empty;
    for (let i = 0; i < 80; i++) {
      const policy = { ...dice.pick(policies), id: `id${dice.below(25)}` };
      if (dice.chance(30)) {
        live.delete(policy.id);
        grown = must(grown.with({ remove: [policy.id] }));
      } else {
        live.set(policy.id, policy);
        grown = must(grown.with({ put: [policy] }));
      }
    }
    const built = must(PolicySet.empty.with({ put: [...live.values()] }));
    expect(grown.size).toBe(live.size);
    const first = batches[0];
    const entities = loadEntities(first?.entities ?? []);
    for (const question of first?.questions ?? []) {
      expect(ours(grown, entities, question)).toEqual(ours(built, entities, question));
    }
  }
});

test('the old set is untouched by a change', () => {
  const one = must(
    PolicySet.empty.with({ put: [mustCompile('a', 'permit(principal, action, resource);')] }),
  );
  const none = must(one.with({ remove: ['a'] }));
  expect([one.size, one.get('a')?.id, none.size, none.get('a')]).toEqual([1, 'a', 0, undefined]);
});

test('the same id twice in one change, and too many policies, are refused', () => {
  const policy = mustCompile('a', 'permit(principal, action, resource);');
  expect(PolicySet.empty.with({ put: [policy, policy] }).ok).toBe(false);
  expect(PolicySet.empty.with({ put: [policy], remove: ['a'] }).ok).toBe(false);
  expect(PolicySet.empty.with({ put: [policy] }, 0).ok).toBe(false);
});

test.each([
  ['principal', (i: number) => `permit(principal == A::"${i}", action, resource);`],
  ['group of the principal', (i: number) => `permit(principal in A::"${i}", action, resource);`],
  [
    'type and group of the principal',
    (i: number) => `permit(principal is A in A::"${i}", action, resource);`,
  ],
  ['resource', (i: number) => `permit(principal, action, resource == A::"${i}");`],
  ['action', (i: number) => `permit(principal, action == Action::"${i}", resource);`],
  [
    'actions',
    (i: number) => `permit(principal, action in [Action::"${i}", Action::"${i + 1}"], resource);`,
  ],
  [
    'resource for one principal',
    (i: number) => `permit(principal == A::"7", action, resource == A::"${i}");`,
  ],
  [
    'action for one resource',
    (i: number) => `permit(principal, action == Action::"${i}", resource == A::"7");`,
  ],
])('a decision looks at few of 300 policies that differ by %s', (_, text) => {
  const set = must(
    PolicySet.empty.with({
      put: Array.from({ length: 300 }, (__, i) => mustCompile(`p${i}`, text(i))),
    }),
  );
  const seven = new EntityUid('A', '7');
  const uids = [seven, seven, new EntityUid('Action', '7')];
  expect(looked(set.index, uids)).toBeLessThanOrEqual(8);
  const one = must(PolicySet.empty.with({ put: [mustCompile('x', text(7))] }));
  const grown = [...set.policies()].reduce((sum, policy) => must(sum.with({ put: [policy] })), one);
  expect(looked(grown.index, uids)).toBeLessThanOrEqual(9);
});

test('a policy for several actions is reported once, also through a group that is listed beside its member', () => {
  const policy = mustCompile(
    'p',
    'permit(principal, action in [Action::"all", Action::"read", Action::"read"], resource);',
  );
  const noise = Array.from({ length: 20 }, (_, i) =>
    mustCompile(`n${i}`, `permit(principal, action == Action::"n${i}", resource);`),
  );
  const policies = must(PolicySet.empty.with({ put: [policy, ...noise] }));
  const entities = loadEntities([
    { uid: { type: 'Action', id: 'read' }, attrs: {}, parents: [{ type: 'Action', id: 'all' }] },
    { uid: { type: 'Action', id: 'all' }, attrs: {}, parents: [] },
  ]);
  if (typeof entities === 'string') throw new Error(entities);
  const uid = new EntityUid('A', 'x');
  const request = {
    principal: uid,
    action: new EntityUid('Action', 'read'),
    resource: uid,
    context: CedarRecord.empty,
  };
  expect(authorize({ policies, entities }, request).reasons).toEqual(['p']);
});

test('a link must fill exactly the slots of its template', () => {
  const parsed = cedar.templateToJson(
    '@a("b") permit(principal == ?principal, action, resource) when { true };',
  );
  if (parsed.type === 'failure') throw new Error('parse');
  const template = must(compileTemplate('t', parsed.json));
  const uid = new EntityUid('A', 'x');
  expect(template.slots).toEqual({ principal: true, resource: false });
  expect(linkTemplate(template, 'l', {}).ok).toBe(false);
  expect(linkTemplate(template, 'l', { principal: uid, resource: uid }).ok).toBe(false);
  const linked = must(linkTemplate(template, 'l', { principal: uid }));
  expect([linked.id, linked.template, linked.annotations['a'], linked.principal]).toEqual([
    'l',
    't',
    'b',
    { op: 'eq', uid },
  ]);
});
