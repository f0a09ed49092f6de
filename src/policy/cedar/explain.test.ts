import { expect, test } from 'vitest';
import {
  EntityUid,
  type ExplainOptions,
  explain,
  PolicySet,
  renderExpression,
  toRecord,
} from './index.ts';
import { generateBatch } from './testing/generate.ts';
import { compileSet, compileText, loadEntities, mustCompile, ours } from './testing/referee.ts';

const entities = loadEntities([
  {
    uid: { type: 'Agent', id: 'a' },
    attrs: { tier: 1 },
    parents: [{ type: 'Blueprint', id: 'b' }],
  },
  { uid: { type: 'Blueprint', id: 'b' }, attrs: {}, parents: [] },
  {
    uid: { type: 'Tool', id: 't' },
    attrs: { effect: 'write' },
    parents: [{ type: 'Server', id: 's' }],
  },
  { uid: { type: 'Server', id: 's' }, attrs: {}, parents: [] },
]);

function why(texts: Readonly<Record<string, string>>, context: unknown, options?: ExplainOptions) {
  const set = PolicySet.empty.with({
    put: Object.entries(texts).map(([id, text]) => mustCompile(id, text)),
  });
  const record = toRecord(context);
  if (!set.ok || !record.ok || typeof entities === 'string') throw new Error('setup');
  return explain(
    { policies: set.value, entities },
    {
      principal: new EntityUid('Agent', 'a'),
      action: new EntityUid('Action', 'call'),
      resource: new EntityUid('Tool', 't'),
      context: record.value,
    },
    options,
  );
}

const RISK =
  '@owner("sec") permit(principal in Blueprint::"b", action, resource) when { resource.effect == "write" && context.session.risk < 60 };';

test('a near miss names the first conjunct that failed, and the values it read', () => {
  const { decision, nearMisses } = why({ p: RISK }, { session: { risk: 72 } }, { values: 'show' });
  expect(decision).toBe('deny');
  expect(nearMisses).toEqual([
    {
      policyId: 'p',
      annotations: expect.objectContaining({ owner: 'sec' }),
      failed: 'condition',
      needs: 'context.session.risk < 60',
      outcome: 'false',
      values: [{ path: 'context.session.risk', value: '72' }],
    },
  ]);
});

test('values are hidden unless asked for, and can be redacted one by one', () => {
  const text = 'permit(principal, action, resource) when { context.input.token == "x" && true };';
  const context = { input: { token: 'hunter2' } };
  expect(JSON.stringify(why({ p: text }, context))).not.toContain('hunter2');
  const redacted = why({ p: text }, context, {
    values: (path) => (path.startsWith('context.input') ? '***' : undefined),
  });
  expect(redacted.nearMisses[0]?.values).toEqual([{ path: 'context.input.token', value: '***' }]);
});

test('a conjunct that errs says what is wrong', () => {
  const { nearMisses, errors } = why({ p: RISK }, { session: {} });
  expect(nearMisses[0]).toMatchObject({
    needs: 'context.session.risk < 60',
    outcome: 'error',
    message: 'attribute "risk" does not exist',
  });
  expect(errors[0]).toEqual({
    policyId: 'p',
    effect: 'permit',
    message: 'attribute "risk" does not exist',
  });
});

test('`unless` is told as what must not hold', () => {
  const text =
    'permit(principal, action, resource) unless { context.a == 1 || !(context.b && context.c == 2) };';
  expect(why({ p: text }, { a: 1, b: true, c: 2 }).nearMisses[0]?.needs).toBe('!(context.a == 1)');
  expect(why({ p: text }, { a: 0, b: true, c: 3 }).nearMisses[0]?.needs).toBe('context.c == 2');
});

test('a forbid that applies is told with the conditions that held', () => {
  const forbid =
    'forbid(principal, action, resource in Server::"s") when { context.taint.contains("web") } unless { context.approved };';
  const { holding, nearMisses } = why(
    { p: 'permit(principal, action, resource);', f: forbid },
    { taint: ['web'], approved: false },
    { values: 'show' },
  );
  expect(nearMisses).toEqual([]);
  expect(holding).toMatchObject([
    {
      policyId: 'f',
      effect: 'forbid',
      head: 'principal, resource in Server::"s", action',
      conditions: [
        {
          text: 'context.taint.contains("web")',
          values: [{ path: 'context.taint', value: '["web"]' }],
        },
        { text: '!context.approved', values: [{ path: 'context.approved', value: 'false' }] },
      ],
    },
  ]);
});

test('a permit that only misses in one part of its head is a near miss after those that miss by condition', () => {
  const { nearMisses } = why(
    {
      other: 'permit(principal, action, resource == Tool::"u");',
      far: 'permit(principal == Agent::"z", action, resource == Tool::"u");',
      failing: 'permit(principal, action, resource == Tool::"u") when { false };',
      p: RISK,
    },
    { session: { risk: 99 } },
    { values: 'show' },
  );
  expect(nearMisses.map((miss) => [miss.policyId, miss.failed, miss.needs])).toEqual([
    ['p', 'condition', 'context.session.risk < 60'],
    ['other', 'resource', 'resource == Tool::"u"'],
  ]);
});

test('explaining decides exactly as deciding does', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const batch = generateBatch(seed + 90_000, 6);
    const policies = compileSet(batch.texts);
    const store = loadEntities(batch.entities);
    if (typeof policies === 'string' || typeof store === 'string') throw new Error('setup');
    for (const question of batch.questions) {
      const context = toRecord({});
      if (!context.ok) throw new Error('setup');
      const uid = ({ type, id }: { type: string; id: string }) => new EntityUid(type, id);
      const told = explain(
        { policies, entities: store },
        {
          principal: uid(question.principal),
          action: uid(question.action),
          resource: uid(question.resource),
          context: context.value,
        },
        { values: 'show' },
      );
      const plain = ours(policies, store, { ...question, context: {} });
      expect({ decision: told.decision, reasons: told.reasons }).toEqual(
        'refused' in plain ? {} : { decision: plain.decision, reasons: plain.reasons },
      );
    }
  }
});

test('rendered text reads back as the same expression', () => {
  let compared = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const set = compileSet(generateBatch(seed + 70_000, 0).texts);
    if (typeof set === 'string') throw new Error(set);
    for (const policy of set.policies()) {
      for (const { body } of policy.conditions) {
        const text = renderExpression(body);
        if (text.includes('…')) continue;
        const again = compileText('p', `permit(principal, action, resource) when { ${text} };`);
        if (typeof again === 'string') throw new Error(`${again}: ${text}`);
        expect(renderExpression(again.conditions[0]?.body ?? body)).toBe(text);
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(50);
});

test('text from outside cannot disguise itself', () => {
  expect(renderExpression({ op: 'literal', value: 'a\u202eb\u200b\n"\\' })).toBe(
    '"a\\u{202e}b\\u{200b}\\u{a}\\"\\\\"',
  );
});
