import { expect, test } from 'vitest';
import {
  type CedarRecord,
  EntitySnapshot,
  EntityUid,
  mayEverAllow,
  type PartialRequest,
  PolicySet,
  recordFromCedarJson,
  toRecord,
} from './index.ts';
import { Dice, generateBatch } from './testing/generate.ts';
import { compileSet, loadEntities, mustCompile, ours } from './testing/referee.ts';

const A = new EntityUid('A', 'x');
const CALL = new EntityUid('Action', 'call');
const R = new EntityUid('R', 'r');

function ask(texts: readonly string[], request: Partial<PartialRequest> = {}) {
  const set = PolicySet.empty.with({ put: texts.map((text, i) => mustCompile(`p${i}`, text)) });
  if (!set.ok) throw new Error('setup');
  return mayEverAllow(
    { policies: set.value, entities: EntitySnapshot.empty },
    { principal: A, action: CALL, ...request },
  );
}

const known = (plain: unknown): CedarRecord => {
  const record = toRecord(plain);
  if (!record.ok) throw new Error('setup');
  return record.value;
};

const permit = (condition: string) => `permit(principal, action, resource) when { ${condition} };`;

test.each<[answer: string, texts: string[], request: Partial<PartialRequest>]>([
  ['never', [], {}],
  ['always', ['permit(principal, action, resource);'], {}],
  ['maybe', ['permit(principal, action, resource == R::"r");'], {}],
  ['always', ['permit(principal, action, resource == R::"r");'], { resource: R }],
  ['never', ['permit(principal, action, resource == R::"r");'], { resource: A }],
  ['never', ['permit(principal, action, resource == R::"r");'], { resourceType: 'S' }],
  ['always', ['permit(principal, action, resource is R);'], { resourceType: 'R' }],
  ['never', ['permit(principal == A::"other", action, resource);'], {}],
  ['maybe', [permit('context.input.repo like "acme/*"')], { resource: R }],
  ['maybe', [permit('context.session.approved')], { resource: R }],
  ['never', [permit('context.session.risk < 50')], { known: known({ session: { risk: 60 } }) }],
  ['always', [permit('context.session.risk < 50')], { known: known({ session: { risk: 40 } }) }],
  [
    'never',
    [permit('context.session.risk + "x" == 1')],
    { known: known({ session: { risk: 40 } }) },
  ],
  ['never', [permit('context.a && false')], {}],
  ['never', [permit('context.a like "x" && 1 == 2')], {}],
  ['always', [permit('true || context.a')], {}],
  ['maybe', [permit('context.a || true')], {}],
  ['always', [permit('context has a || true')], {}],
  ['never', [permit('resource is S && context.a')], { resourceType: 'R' }],
  ['never', [permit('(if context.a then 1 else 2) == "x" && false')], {}],
  ['never', ['permit(principal, action, resource);', 'forbid(principal, action, resource);'], {}],
  [
    'maybe',
    [
      'permit(principal, action, resource);',
      'forbid(principal, action, resource) unless { context.session.approved };',
    ],
    {},
  ],
  [
    'never',
    [
      'permit(principal, action, resource);',
      'forbid(principal, action, resource) when { principal == A::"x" };',
    ],
    {},
  ],
  [
    'always',
    ['permit(principal, action, resource);', 'forbid(principal, action, resource) when { 1 };'],
    {},
  ],
  [
    'always',
    [
      'permit(principal, action, resource);',
      'forbid(principal, action == Action::"other", resource);',
    ],
    {},
  ],
])('the answer is %s for %j', (answer, texts, request) => {
  expect(ask(texts, request)).toBe(answer);
});

test('giving up is maybe, so that a list never hides by accident', () => {
  const set = PolicySet.empty.with({
    put: [mustCompile('p', permit('context.a.contains(1) && false'))],
  });
  if (!set.ok) throw new Error('setup');
  const snapshot = { policies: set.value, entities: EntitySnapshot.empty };
  const request = { principal: A, action: CALL, known: known({ a: [1, 2, 3] }) };
  expect(mayEverAllow(snapshot, request, { fuel: 1 })).toBe('maybe');
  expect(mayEverAllow(snapshot, request)).toBe('never');
});

test('never and always hold for every completion tried', () => {
  const seen = { never: 0, maybe: 0, always: 0 };
  for (let seed = 1; seed <= 120; seed++) {
    const batch = generateBatch(seed + 50_000, 16);
    const policies = compileSet(batch.texts);
    const entities = loadEntities(batch.entities);
    if (typeof policies === 'string' || typeof entities === 'string') throw new Error('setup');
    const dice = new Dice(seed);
    for (const question of batch.questions) {
      const kept = Object.fromEntries(
        Object.entries(question.context).filter(() => dice.chance(40)),
      );
      const record = recordFromCedarJson(kept);
      if (!record.ok) throw new Error('setup');
      const uid = ({ type, id }: { type: string; id: string }) => new EntityUid(type, id);
      const which = dice.below(3);
      const answer = mayEverAllow(
        { policies, entities },
        {
          principal: uid(question.principal),
          action: uid(question.action),
          ...(which === 0 ? { resource: uid(question.resource) } : {}),
          ...(which === 1 ? { resourceType: question.resource.type } : {}),
          known: record.value,
        },
      );
      seen[answer]++;
      const full = ours(policies, entities, question);
      if (answer === 'maybe' || 'refused' in full) continue;
      expect(full.decision, `seed ${seed}`).toBe(answer === 'never' ? 'deny' : 'allow');
    }
  }
  expect(seen.never).toBeGreaterThan(100);
  expect(seen.maybe).toBeGreaterThan(100);
  expect(seen.always).toBeGreaterThan(10);
});
