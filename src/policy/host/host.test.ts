import { afterAll, describe, expect, it } from 'vitest';
import { createFakeClock, systemClock } from '../../kernel/index.ts';
import { serverSchema } from '../schema/server-schema.ts';
import { createCedarHost } from './create-cedar-host.ts';

const host = createCedarHost({ clock: systemClock });
afterAll(() => host.close());

describe('the cedar host', () => {
  it('parses and formats', async () => {
    expect(await host.parse('permit(principal, action, resource);')).toMatchObject({ ok: true });
    expect(await host.parse('permit(principal, action resource);')).toMatchObject({ ok: false });
    expect(await host.format('permit(principal,action,resource);')).toMatchObject({ ok: true });
  });

  it('refuses deep and large texts before the parser sees them', async () => {
    const deep = `permit(principal, action, resource) when { ${'('.repeat(100)}true${')'.repeat(100)} };`;
    await expect(host.parse(deep)).rejects.toMatchObject({ code: 'POLICY_TOO_DEEP' });
    const ifs = `permit(principal, action, resource) when { ${'if true then true else '.repeat(200)} true };`;
    await expect(host.parse(ifs)).rejects.toMatchObject({ code: 'POLICY_TOO_DEEP' });
    const large = `permit(principal, action, resource) when { "${'x'.repeat(70_000)}" == "" };`;
    await expect(host.parse(large)).rejects.toMatchObject({ code: 'POLICY_TOO_LARGE' });
  });

  it('replaces a worker whose module was destroyed, and fails that job alone', async () => {
    const question = {
      principal: { type: 'A', id: 'a' },
      action: { type: 'Action', id: 'a' },
      resource: { type: 'R', id: 'r' },
      context: {},
      entities: [],
    };
    // `authorize` takes what `parse` has measured before; here it is given what nobody measured.
    const policy = `permit(principal, action, resource) when { ${'('.repeat(20_000)}true${')'.repeat(20_000)} };`;
    const before = host.started();
    await expect(host.authorize({ policy }, question)).rejects.toMatchObject({
      code: 'POLICY_HOST_FAULT',
    });
    expect(
      await host.authorize({ p: 'permit(principal, action, resource);' }, question),
    ).toMatchObject({ ok: true, decision: 'allow' });
    expect(host.started()).toBe(before + 1);
  });

  it('survives questions too deep to be handed to the worker', async () => {
    const deep: unknown[] = [];
    let at = deep;
    for (let i = 0; i < 100_000; i++) {
      const next: unknown[] = [];
      at.push(next);
      at = next;
    }
    await expect(host.authorize({}, deep as never)).rejects.toMatchObject({
      code: 'POLICY_HOST_FAULT',
    });
    expect(await host.parse('permit(principal, action, resource);')).toMatchObject({ ok: true });
  });

  it('gives up on a job that takes too long and goes on with the next', async () => {
    const clock = createFakeClock();
    const slow = createCedarHost({ clock, timeoutMs: 50 });
    const first = slow.parse('permit(principal, action, resource);');
    clock.advance(51);
    await expect(first).rejects.toMatchObject({ code: 'POLICY_HOST_FAULT' });
    expect(await slow.parse('forbid(principal, action, resource);')).toMatchObject({ ok: true });
    expect(slow.started()).toBe(2);
    await slow.close();
    await expect(slow.parse('forbid(principal, action, resource);')).rejects.toMatchObject({
      code: 'POLICY_HOST_FAULT',
    });
  });

  it('accepts the schema of any tool names and property names', async () => {
    const nasty = [
      'read',
      'a-b',
      'in',
      '',
      '__cedar',
      'é"\\',
      '\u0001',
      '😀',
      '__proto__',
      'toString',
    ];
    const tools = nasty.map((name) => ({
      name,
      inputSchema: {
        type: 'object',
        properties: Object.fromEntries([
          ...nasty.map((key) => [key, { type: 'string' }]),
          ['__proto__', { type: 'integer' }],
        ]),
        required: nasty,
      },
    }));
    const fragments = ['in', 'Agent', 'a.b-c', 'a__cedar'].map((server) =>
      serverSchema(server, tools, undefined),
    );
    const verdict = await host.validate(
      Object.fromEntries(fragments.map((one) => [one.namespace, one.fragment])),
      { p: 'permit(principal, action in Action::"call", resource);' },
    );
    expect(verdict).toMatchObject({ ok: true, verdicts: { p: { errors: [], applicable: true } } });
  }, 60_000);

  it('agrees with the generator for MCP on the types of arguments', async () => {
    const inputSchema = {
      type: 'object',
      properties: {
        text: { type: 'string' },
        flag: { type: 'boolean' },
        count: { type: 'integer' },
        price: { type: 'number' },
        when: { type: 'string', format: 'date-time' },
        from: { type: 'string', format: 'ipv4' },
        list: { type: 'array', items: { type: 'string' } },
        deep: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      },
      required: ['text', 'deep'],
    };
    const answer = await host.generate('ns', [{ name: 'tool', description: '', inputSchema }]);
    if (!answer.ok) throw new Error(answer.problem);
    const ours = serverSchema('ns', [{ name: 'tool', inputSchema }], undefined);
    const input =
      ours.fragment.actions['tool']?.appliesTo.context.attributes?.['input']?.attributes ?? {};
    const theirs = JSON.stringify(answer.schema);
    const expected = {
      text: 'String',
      flag: 'Bool',
      count: 'Long',
      price: 'decimal',
      when: 'datetime',
      from: 'ipaddr',
    };
    for (const [name, type] of Object.entries(expected)) {
      const mine = input[name]?.name ?? input[name]?.type.replace('Boolean', 'Bool');
      expect(mine).toBe(type);
      expect(theirs).toMatch(
        new RegExp(`"${name}":\\{[^}]*"(?:name|type)":"(?:__cedar::)?${type}"`),
      );
    }
  });
});
