import { describe, expect, it } from 'vitest';
import type { FakeUpstream } from '../broker/fixtures/scripted.ts';
import { LIST_TTL_MS, MISS_REFRESH_MS } from '../catalogue/catalogue.ts';
import { exposeName } from '../catalogue/expose-name.ts';
import type { ResolvedTarget } from '../pipeline/call-context.ts';
import {
  at,
  listingUpstream,
  type PartsRig,
  partsRig,
  type RequestOptions,
} from './fixtures/parts-rig.ts';
import { createResolver } from './resolve.ts';

const LONG = 'a'.repeat(100);
const ALIASES = { files: { read: 'open' } };

function start(upstreams?: readonly FakeUpstream[]): {
  rig: PartsRig;
  find(method: string, params?: unknown, options?: RequestOptions): Promise<ResolvedTarget>;
} {
  const rig = partsRig(
    upstreams ?? [
      listingUpstream('files', {
        tools: [
          { name: 'read' },
          { name: LONG },
          {
            name: 'tagged',
            inputSchema: {
              type: 'object',
              properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
            },
          },
        ],
        prompts: [{ name: 'review' }],
        resources: [{ uri: 'file:///a' }, { uri: 'both:///x' }],
        resourceTemplates: [{ uriTemplate: 'file:///{path}' }],
      }),
      listingUpstream('mail', {
        tools: [{ name: 'send' }],
        resources: [{ uri: 'both:///x' }],
        resourceTemplates: [{ uriTemplate: 'file:///mail/{id}' }],
      }),
    ],
    ALIASES,
  );
  const resolve = createResolver({
    ...rig,
    now: () => rig.clock.now(),
    settled: () => Promise.resolve(),
    mayUse: (principal, server, kind, name) =>
      rig.rules.mayUse(principal.agent.id, server, kind, name),
    serverOfAlias: (alias) => (alias === 'open' ? 'files' : undefined),
    serverOfTask: (taskId) => (taskId.startsWith('sealed-') ? taskId.slice(7) : undefined),
  });
  return {
    rig,
    find: async (method, params, options) => resolve(rig.request(method, params, options).context),
  };
}
const target = (found: ResolvedTarget): object =>
  found.ok
    ? { server: found.target.server, name: found.target.name, params: found.target.params }
    : { refused: found.reason, reply: found.reply };

describe('names of tools', () => {
  it('carry the server on the merged endpoint, and reach it under its own name', async () => {
    const { find } = start();
    const found = await find('tools/call', { name: 'mail__send', arguments: { to: 'x' } });
    expect(target(found)).toEqual({
      server: 'mail',
      name: 'send',
      params: '{"name":"send","arguments":{"to":"x"}}',
    });
  });

  it('that have an alias answer to it alone', async () => {
    const { find } = start();
    expect(target(await find('tools/call', { name: 'open' }))).toMatchObject({ name: 'read' });
    expect((await find('tools/call', { name: 'files__read' })).ok).toBe(false);
  });

  it('longer than 64 characters are found under their short form', async () => {
    const { find } = start();
    const name = exposeName('files', LONG, undefined);
    expect(name).toHaveLength(64);
    expect(target(await find('tools/call', { name }))).toMatchObject({ name: LONG });
    expect((await find('tools/call', { name: `files__${LONG}` })).ok).toBe(false);
  });

  it('are untouched on a server’s own endpoint, where the merged ones mean nothing', async () => {
    const { find } = start();
    const endpoint = at('mail');
    expect(target(await find('tools/call', { name: 'send' }, { endpoint }))).toMatchObject({
      params: '{"name":"send"}',
    });
    for (const name of ['mail__send', 'open', 'files__read', 'read'])
      expect((await find('tools/call', { name }, { endpoint })).ok).toBe(false);
  });

  it.each(['constructor', '__proto__', '__', 'mail__', '__send', 'MAIL__send', 'mail__send ', ''])(
    'like %j find nothing',
    async (name) => {
      const { find } = start();
      expect(await find('tools/call', { name })).toMatchObject({
        ok: false,
        reply: { code: -32602, message: `Unknown tool: ${name}` },
      });
    },
  );

  it('must be strings', async () => {
    const { find } = start();
    for (const params of [undefined, {}, { name: 1 }, { name: null }, { name: ['mail__send'] }])
      expect(await find('tools/call', params)).toMatchObject({
        ok: false,
        reason: 'invalid_params',
      });
  });
});

describe('a name the list does not have', () => {
  it('is looked up once more in a fresh list, but not more often than every two seconds', async () => {
    const tools = [{ name: 'one' }];
    const server = listingUpstream('s', { tools });
    const { rig, find } = start([server]);
    const lists = (): number =>
      server.requests.filter(({ method }) => method === 'tools/list').length;
    expect((await find('tools/call', { name: 's__two' })).ok).toBe(false);
    expect(lists()).toBe(1);
    tools.push({ name: 'two' });
    for (let i = 0; i < 10; i++) await find('tools/call', { name: `s__two` });
    expect(lists()).toBe(1);
    rig.clock.advance(MISS_REFRESH_MS + 1);
    expect((await find('tools/call', { name: 's__two' })).ok).toBe(true);
    expect(lists()).toBe(2);
  });

  it('can not be told from a hidden one by the time it takes or by what it makes the server do', async () => {
    const server = listingUpstream('s', { tools: [{ name: 'hidden' }, { name: 'shown' }] });
    const { rig, find } = start([server]);
    rig.rules.mayUse = (_agent, _server, _kind, name) => name === 'shown';
    await find('tools/call', { name: 's__shown' });
    const cost = async (name: string): Promise<number> => {
      rig.clock.advance(MISS_REFRESH_MS + 1);
      const before = server.requests.length;
      await find('tools/call', { name });
      return server.requests.length - before;
    };
    expect(await cost('s__absent')).toBe(1);
    expect(await cost('s__hidden')).toBe(1);
    expect(await cost('s__shown')).toBe(0);
  });

  it('of a server that is there is answered like one of a server that is not', async () => {
    const { find } = start();
    const [one, two] = [
      await find('tools/call', { name: 'mail__x' }),
      await find('tools/call', { name: 'nope__x' }),
    ];
    const words = (found: ResolvedTarget): string =>
      found.ok ? '' : JSON.stringify(found.reply).replaceAll(/mail|nope/g, 'S');
    expect(words(one)).toBe(words(two));
  });
});

it('an old list is good enough to find a tool, and is read again behind the call', async () => {
  const server = listingUpstream('s', { tools: [{ name: 'one' }] });
  const { rig, find } = start([server]);
  await find('tools/call', { name: 's__one' });
  rig.clock.advance(LIST_TTL_MS + 1);
  expect((await find('tools/call', { name: 's__one' })).ok).toBe(true);
  expect(server.requests).toHaveLength(2);
});

describe('Mcp-Param headers', () => {
  const call = (args: object, paramHeaders: Record<string, string>) =>
    start().find('tools/call', { name: 'files__tagged', arguments: args }, { paramHeaders });

  it('must say what the arguments say', async () => {
    expect(await call({ region: 'eu' }, { 'mcp-param-region': 'us' })).toMatchObject({
      ok: false,
      reason: 'header_mismatch',
      reply: { status: 400, code: -32020 },
    });
    expect(await call({ region: 'eu' }, {})).toMatchObject({ reply: { code: -32020 } });
    expect(await call({}, { 'mcp-param-region': 'eu' })).toMatchObject({ reply: { code: -32020 } });
  });

  it('are rebuilt from the arguments; unknown ones go on', async () => {
    const found = await call(
      { region: 'eu' },
      { 'mcp-param-region': 'eu', 'mcp-param-other': 'x' },
    );
    expect(found).toMatchObject({
      ok: true,
      target: {
        paramHeaders: { 'mcp-param-region': 'eu' },
        extraHeaders: { 'mcp-param-other': 'x' },
      },
    });
  });
});

describe('URIs', () => {
  it.each([
    ['file:///a', 'files'],
    ['file:///other', 'files'],
    ['file:///mail/{id}', 'mail'],
  ])('%s belongs to %s', async (uri, server) => {
    const found = await start().find('resources/read', { uri });
    expect(target(found)).toMatchObject({ server, name: uri, params: JSON.stringify({ uri }) });
  });

  it.each([
    ['both:///x', 'two servers list it'],
    ['file:///mail/7', 'templates of two servers fit'],
  ])('%s is nobody’s when %s, except on a server’s own endpoint', async (uri) => {
    const { find } = start();
    expect(await find('resources/read', { uri })).toMatchObject({
      ok: false,
      reason: 'ambiguous_target',
      reply: { code: -32602, data: JSON.stringify({ uri }) },
    });
    expect(await find('resources/subscribe', { uri }, { revision: '2025-11-25' })).toMatchObject({
      reason: 'ambiguous_target',
      reply: { code: -32002 },
    });
    for (const server of ['files', 'mail'])
      expect(target(await find('resources/read', { uri }, { endpoint: at(server) }))).toMatchObject(
        { server },
      );
  });

  it('listed by one server stay its own, whatever templates another has', async () => {
    const { find } = start([
      listingUpstream('a', { resourceTemplates: [{ uriTemplate: 'doc:///secret{x}' }] }),
      listingUpstream('b', { resources: [{ uri: 'doc:///secret' }] }),
    ]);
    expect(target(await find('resources/read', { uri: 'doc:///secret' }))).toMatchObject({
      server: 'b',
    });
  });

  it('that nobody lists are not found, in the words of the client’s era', async () => {
    const { find } = start();
    const uri = 'http://elsewhere/';
    expect(await find('resources/read', { uri })).toMatchObject({
      reply: { code: -32602, data: `{"uri":"${uri}"}` },
    });
    expect(await find('resources/read', { uri }, { revision: '2025-11-25' })).toMatchObject({
      reply: { code: -32002 },
    });
  });

  it('of a server that is down are nobody’s, the others stay', async () => {
    const { rig, find } = start();
    rig.down.add('files');
    expect((await find('resources/read', { uri: 'file:///a' })).ok).toBe(false);
    expect(target(await find('resources/read', { uri: 'both:///x' }))).toMatchObject({
      server: 'mail',
    });
  });
});

describe('completion', () => {
  it('goes to the owner of the prompt, renamed, or of the resource', async () => {
    const { find } = start();
    const params = (ref: object): object => ({ ref, argument: { name: 'a', value: 'v' } });
    const prompt = await find(
      'completion/complete',
      params({ type: 'ref/prompt', name: 'files__review' }),
    );
    expect(target(prompt)).toMatchObject({
      server: 'files',
      params: '{"ref":{"type":"ref/prompt","name":"review"},"argument":{"name":"a","value":"v"}}',
    });
    const uri = 'file:///mail/{id}';
    const resource = await find('completion/complete', params({ type: 'ref/resource', uri }));
    expect(target(resource)).toMatchObject({ server: 'mail' });
    for (const ref of [
      {},
      { type: 'ref/other' },
      { type: 'ref/prompt' },
      { type: 'ref/resource', uri: 1 },
    ])
      expect(await find('completion/complete', params(ref))).toMatchObject({
        reason: 'invalid_params',
      });
    expect(await find('completion/complete', {})).toMatchObject({ reason: 'invalid_params' });
  });
});

describe('tasks and other methods', () => {
  it('a task id leads to its server, on the endpoints that have that server', async () => {
    const { find } = start();
    const params = { taskId: 'sealed-mail' };
    expect(target(await find('tasks/get', params))).toMatchObject({ server: 'mail' });
    for (const found of [
      await find('tasks/get', params, { endpoint: at('files') }),
      await find('tasks/get', { taskId: 'sealed-gone' }),
      await find('tasks/get', { taskId: 'junk' }),
      await find('tasks/get', {}),
    ])
      expect(found).toMatchObject({
        ok: false,
        reason: 'unknown_task',
        reply: { code: -32602, message: 'Unknown task' },
      });
  });

  it('an unknown method needs a server of its own', async () => {
    const { find } = start();
    expect(target(await find('vendor/x', { a: 1 }, { endpoint: at('mail') }))).toMatchObject({
      server: 'mail',
      params: '{"a":1}',
    });
    expect(await find('vendor/x', { a: 1 })).toMatchObject({
      reply: { status: 404, code: -32601 },
    });
  });
});
