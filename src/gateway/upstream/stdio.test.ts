import { afterEach, describe, expect, it } from 'vitest';
import type { PeerAnswer, RawJson, ServerConfig } from '../model.ts';
import {
  createRig,
  LEGACY_CLIENT,
  MODERN_CLIENT,
  type Rig,
  request,
  SCRIPTED,
  stdio,
  tool,
  until,
} from './fixtures/rig.ts';
import type { UpstreamLimits } from './limits.ts';

const rigs: Rig[] = [];
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.pool.close()));
});

function rigOf(
  config: ServerConfig = stdio([SCRIPTED]),
  limits: Partial<UpstreamLimits> = {},
): Rig {
  const rig = createRig(config, limits);
  rigs.push(rig);
  return rig;
}
const text = (answer: { kind: string; result?: RawJson }): string =>
  JSON.parse(answer.result ?? 'null').content[0].text;
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error) => error.code,
  );
const kinds = (rig: Rig): string[] => [...new Set(rig.faults.map((fault) => fault.kind))];

describe('a stdio upstream', () => {
  it('answers calls with the bytes the server sent', async () => {
    const connection = await rigOf().connect();
    const answer = await connection.request(tool('exact'));
    expect(answer).toEqual({
      kind: 'result',
      result: '{ "big":9007199254740993, "one":1.0,"x":"\\u0041" }',
    });
    expect(await connection.request(tool('fail'))).toEqual({
      kind: 'error',
      error: '{"code":-32050,"message":"no","data":{"why":1}}',
    });
  });

  it('gets a call with line ends in it as one line, so nothing can be smuggled in between', async () => {
    const connection = await rigOf().connect();
    const smuggled =
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"smuggled"}}';
    // Valid JSON: the line ends stand between tokens. Cut at them, the middle line is a message of its own.
    const params =
      `{"name":"echo","arguments":{"text":"a\u2028b","x":[\n${smuggled}\r\n]}}` as RawJson;
    expect(params.split('\n')).toContain(`${smuggled}\r`);
    const answer = await connection.request({ ...tool('echo'), params });
    expect(text(answer)).toBe('a\u2028b');
    expect(JSON.parse(text(await connection.request(tool('seen'))))).toEqual([]);
  });

  it('is told the capabilities and the revision of the client', async () => {
    const connection = await rigOf().connect({
      client: { ...LEGACY_CLIENT, revision: '2025-06-18' },
    });
    expect(connection.info.revision).toBe('2025-06-18');
    expect(JSON.parse(connection.info.instructions ?? '').capabilities).toEqual({
      sampling: {},
      elicitation: {},
      roots: {},
    });
  });

  it('gets a minimal environment and not the secrets of the gateway', async () => {
    const config = stdio([SCRIPTED], { env: { OWN: 'yes' } });
    const rig = createRig(
      config,
      {},
      { baseEnv: { PATH: '/bin', SALLYPORT_KEY: 'secret', LC_ALL: 'C' } },
    );
    rigs.push(rig);
    const connection = await rig.connect();
    expect(JSON.parse(text(await connection.request(tool('environment'))))).toEqual({
      PATH: '/bin',
      LC_ALL: 'C',
      OWN: 'yes',
    });
  });

  it('matches answers that come in another order to their calls', async () => {
    const connection = await rigOf().connect();
    const [a, b, c] = [tool('hold'), tool('hold'), tool('release')].map((one) =>
      connection.request(one),
    );
    const answers = await Promise.all([a!, b!, c!]);
    const [heldA, heldB] = answers.map(text);
    expect(heldA).not.toBe(heldB);
    expect(answers.map(text)[2]).toBe('released');
  });

  it('puts its own progress token on the wire and the caller’s back on the notification', async () => {
    const connection = await rigOf().connect();
    const call = (token: string | number) =>
      request('tools/call', {
        name: 'progress',
        arguments: { steps: 2, everyMs: 1 },
        _meta: { progressToken: token, other: 1 },
      });
    const [one, two] = [call('same'), call('same')];
    await Promise.all([connection.request(one), connection.request(two)]);
    for (const { notes } of [one, two]) {
      expect(notes.map((note) => note.params)).toEqual([
        { progressToken: 'same', progress: 1 },
        { progressToken: 'same', progress: 2 },
      ]);
    }
    const meta = request('tools/call', {
      name: 'meta',
      arguments: {},
      _meta: { progressToken: 'secret', keep: 'me' },
    });
    const seen = JSON.parse(text(await connection.request(meta)));
    expect(seen.keep).toBe('me');
    expect(seen.progressToken).not.toBe('secret');
  });

  it('drops progress with a token nobody gave out', async () => {
    const connection = await rigOf().connect();
    const call = tool('stranger_progress');
    await connection.request(call);
    expect(call.notes).toEqual([]);
  });

  it('ends a silent call by time-out and tells the server', async () => {
    const connection = await rigOf().connect();
    await expect(connection.request(tool('hang', {}, { timeoutMs: 60 }))).rejects.toMatchObject({
      code: 'GW_UPSTREAM_TIMEOUT',
      message: expect.stringContaining('60 ms'),
    });
    expect(JSON.parse(text(await connection.request(tool('seen'))))).toHaveLength(1);
  });

  it('lets progress keep a long call alive, up to the absolute cap', async () => {
    const alive = await rigOf().connect();
    const progress = (steps: number) =>
      request(
        'tools/call',
        { name: 'progress', arguments: { steps, everyMs: 50 }, _meta: { progressToken: 1 } },
        { timeoutMs: 1_000 },
      );
    expect(text(await alive.request(progress(30)))).toBe('done');
    const capped = await rigOf(stdio([SCRIPTED]), { maxCallMs: 1_500 }).connect();
    await expect(capped.request(progress(1000))).rejects.toMatchObject({
      code: 'GW_UPSTREAM_TIMEOUT',
    });
  });

  it('cancels at the server when the caller aborts', async () => {
    const connection = await rigOf().connect();
    const abort = new AbortController();
    const call = connection.request(tool('hang', {}, { signal: abort.signal }));
    abort.abort();
    expect(await code(call)).toBe('GW_CANCELLED');
    expect(JSON.parse(text(await connection.request(tool('seen'))))).toHaveLength(1);
    const dead = tool('echo', {}, { signal: AbortSignal.abort() });
    expect(await code(connection.request(dead))).toBe('GW_CANCELLED');
  });

  it('refuses calls beyond the number in flight', async () => {
    const connection = await rigOf(stdio([SCRIPTED]), { maxInFlight: 2 }).connect();
    const open = [tool('hold'), tool('hold')].map((one) => connection.request(one));
    expect(await code(connection.request(tool('echo')))).toBe('GW_OVERLOADED');
    for (const one of open) one.catch(() => {});
  });
});

describe('a server that asks back', () => {
  const reply = (answer: PeerAnswer) => ({ onRequest: async () => answer });

  it('reaches the open call and gets the result or the error of the client', async () => {
    const connection = await rigOf().connect();
    const good = tool('ask', {}, reply({ result: '{"role":"assistant"}' as RawJson }));
    expect(text(await connection.request(good))).toBe('{"role":"assistant"}');
    const bad = tool(
      'ask',
      {},
      reply({ error: '{"code":-1,"message":"user said no"}' as RawJson }),
    );
    expect(text(await connection.request(bad))).toBe('{"code":-1,"message":"user said no"}');
    const broken = tool(
      'ask',
      {},
      { onRequest: () => Promise.reject(new Error('private detail')) },
    );
    const answered = text(await connection.request(broken));
    expect(answered).toContain('-32603');
    expect(answered).not.toContain('private detail');
  });

  it('has its pings answered without the client', async () => {
    const connection = await rigOf().connect();
    const call = tool(
      'ping',
      {},
      { onRequest: () => Promise.reject(new Error('not for the client')) },
    );
    expect(text(await connection.request(call))).toBe('{}');
  });

  it('gets method-not-found when no call is open', async () => {
    const connection = await rigOf().connect();
    await connection.request(tool('ask_after'));
    expect(JSON.parse(text(await connection.request(tool('seen'))))).toEqual(['late ask: -32601']);
  });

  it('can take its request back; the client hears of it and no answer is sent', async () => {
    const connection = await rigOf().connect();
    let aborted = false;
    const call = tool(
      'ask_then_crash_ask',
      {},
      {
        onRequest: (_method, _params, signal) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              aborted = true;
              resolve({ result: '{}' as RawJson });
            });
          }),
      },
    );
    expect(text(await connection.request(call))).toBe('moved on');
    expect(aborted).toBe(true);
  });

  it('can’t keep more than a few requests open', async () => {
    const rig = rigOf(stdio([SCRIPTED]), { maxAsks: 3 });
    const connection = await rig.connect();
    const call = tool(
      'many_asks',
      { count: 10 },
      {
        onRequest: () =>
          new Promise((resolve) => setTimeout(() => resolve({ result: '{}' as RawJson }), 100)),
      },
    );
    const codes: number[] = JSON.parse(text(await connection.request(call)));
    expect(codes.filter((one) => one === 0)).toHaveLength(3);
    expect(codes.filter((one) => one === -32603)).toHaveLength(7);
    expect(kinds(rig)).toContain('flood');
  });

  it('does not run into the idle limit while the client thinks', async () => {
    const connection = await rigOf().connect();
    const slow = tool(
      'ask',
      {},
      {
        timeoutMs: 80,
        onRequest: () =>
          new Promise((resolve) => setTimeout(() => resolve({ result: '{}' as RawJson }), 250)),
      },
    );
    expect(text(await connection.request(slow))).toBe('{}');
  });
});

describe('a misbehaving stdio server', () => {
  const stillWorks = async (connection: Awaited<ReturnType<Rig['connect']>>): Promise<void> => {
    expect(text(await connection.request(tool('echo', { text: 'still here' })))).toBe('still here');
  };

  it.each([
    ['broken_json', 'GW_UPSTREAM_PROTOCOL', 'malformed'],
    ['duplicate_keys', 'GW_UPSTREAM_PROTOCOL', 'malformed'],
    ['deep', 'GW_UPSTREAM_PROTOCOL', 'malformed'],
    ['bad_utf8', 'GW_UPSTREAM_PROTOCOL', 'not_utf8'],
  ])('fails the one call that %s answers, with %s', async (name, expected, kind) => {
    const rig = rigOf();
    const connection = await rig.connect();
    expect(await code(connection.request(tool(name)))).toBe(expected);
    expect(kinds(rig)).toEqual([kind]);
    await stillWorks(connection);
  });

  it('has an oversized answer thrown away as it arrives', async () => {
    const rig = rigOf(stdio([SCRIPTED]), { maxMessageBytes: 100_000 });
    const connection = await rig.connect();
    const other = connection.request(tool('hold'));
    expect(await code(connection.request(tool('oversized', { chunks: 64 })))).toBe(
      'GW_UPSTREAM_TOO_LARGE',
    );
    expect(kinds(rig)).toEqual(['too_large']);
    await connection.request(tool('release'));
    expect(text(await other)).toContain('held');
  });

  it('may print noise, answer twice and use ids that are not ours; each is reported', async () => {
    const rig = rigOf(stdio([SCRIPTED, '--banner']));
    const connection = await rig.connect();
    expect(text(await connection.request(tool('not_json')))).toBe('after noise');
    expect(text(await connection.request(tool('twice')))).toBe('first');
    expect(text(await connection.request(tool('wrong_id')))).toBe('yours');
    await stillWorks(connection);
    expect(kinds(rig).sort()).toEqual(['malformed', 'unknown_id']);
    expect(JSON.stringify(rig.faults)).not.toContain('oops');
  });

  it('can’t flood the caller with notifications', async () => {
    const rig = rigOf(stdio([SCRIPTED]), { notificationBurst: 100, notificationsPerSecond: 1 });
    const connection = await rig.connect();
    const call = tool('flood', { count: 20_000 });
    expect(text(await connection.request(call))).toBe('flooded');
    expect(call.notes.length).toBeGreaterThan(90);
    expect(call.notes.length).toBeLessThan(300);
    expect(rig.faults.length).toBeLessThan(50);
    expect(kinds(rig)).toEqual(['flood']);
  });

  it('loses its connection after too many faults', async () => {
    const rig = rigOf(stdio([SCRIPTED]), { maxFaultsPerMinute: 50 });
    const connection = await rig.connect();
    const call = connection.request(tool('garbage', { count: 1000 }));
    await expect(call).rejects.toMatchObject({
      message: expect.stringContaining('too many protocol faults'),
    });
    expect(rig.pool.status()[0]).toMatchObject({ connections: 0, lastError: expect.any(String) });
    expect(rig.faults.filter((fault) => fault.kind === 'malformed')).toHaveLength(10);
  });

  it('is restarted after a crash, its open calls reported lost and not repeated', async () => {
    const rig = rigOf();
    const changes: string[] = [];
    rig.pool.onChange((_server, what) => changes.push(what));
    const first = await rig.connect();
    const pid = text(await first.request(tool('pid')));
    const reasons: string[] = [];
    first.onClose((reason) => reasons.push(reason));
    const open = connectionCodes(first, 3);
    expect(await code(first.request(tool('crash')))).toBe('GW_UPSTREAM_LOST');
    expect(await open).toEqual(['GW_UPSTREAM_LOST', 'GW_UPSTREAM_LOST', 'GW_UPSTREAM_LOST']);
    expect(reasons).toEqual(['the process ended with exit code 3']);
    expect(await code(first.request(tool('echo')))).toBe('GW_UPSTREAM_UNAVAILABLE');
    const second = await rig.connect();
    expect(text(await second.request(tool('pid')))).not.toBe(pid);
    expect(rig.pool.status()[0]).toMatchObject({ state: 'ready', restarts: 1, connections: 1 });
    expect(changes).toEqual(['down', 'up']);
  });

  it('that crashes for one principal leaves the others alone', async () => {
    const rig = rigOf();
    const [mine, theirs] = await Promise.all([rig.connect(), rig.connect({ agentId: 'agt_b' })]);
    expect(mine).not.toBe(theirs);
    await code(mine.request(tool('crash')));
    await stillWorks(theirs);
  });

  it('that can’t be started is reported in plain words and backed off', async () => {
    const rig = rigOf(stdio([], { command: 'no-such-command-here' }), {
      backoffBaseMs: 60_000,
      backoffMaxMs: 60_000,
    });
    await expect(rig.connect()).rejects.toMatchObject({
      code: 'GW_UPSTREAM_UNAVAILABLE',
      message: 'server s is not available: the command was not found',
    });
    await expect(rig.connect()).rejects.toMatchObject({
      message: expect.stringContaining('tried again in'),
    });
    expect(rig.pool.status()[0]).toMatchObject({ state: 'backing_off' });
  });

  it('that never answers the handshake is unavailable', async () => {
    const rig = rigOf(stdio([SCRIPTED, '--silent']), { connectMs: 400, probeSilenceMs: 50 });
    await expect(rig.connect()).rejects.toMatchObject({ code: 'GW_UPSTREAM_UNAVAILABLE' });
  });
});

function connectionCodes(
  connection: Awaited<ReturnType<Rig['connect']>>,
  count: number,
): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => code(connection.request(tool('hang')))));
}

describe('the probe of a stdio server', () => {
  it('finds a modern server and sends it an envelope with every request', async () => {
    const connection = await rigOf(stdio([SCRIPTED, '--era=modern'])).connect({
      client: MODERN_CLIENT,
    });
    expect(connection.info).toMatchObject({ era: 'modern', revision: '2026-07-28' });
    const call = request(
      'tools/call',
      { name: 'meta', arguments: {}, _meta: { 'x.test/k': 1 } },
      {
        client: { ...MODERN_CLIENT, logLevel: 'warning' },
      },
    );
    expect(JSON.parse(text(await connection.request(call)))).toEqual({
      'x.test/k': 1,
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { sampling: {}, elicitation: {}, roots: {} },
      'io.modelcontextprotocol/clientInfo': { name: 'rig', version: '1' },
      'io.modelcontextprotocol/logLevel': 'warning',
    });
  });

  it('survives a legacy server that exits on anything before initialize', async () => {
    const connection = await rigOf(stdio([SCRIPTED, '--exit-early'])).connect();
    expect(connection.info.era).toBe('legacy');
  });

  it('ignores requests of a modern server, which may not make any', async () => {
    const rig = rigOf(stdio([SCRIPTED, '--era=modern']));
    const connection = await rig.connect();
    expect(await code(connection.request(tool('ask', {}, { timeoutMs: 150 })))).toBe(
      'GW_UPSTREAM_TIMEOUT',
    );
    expect(kinds(rig)).toEqual(['unexpected_request']);
  });
});

describe('listening on a stdio server', () => {
  it('subscribes each URI of a legacy server once and acknowledges what it took', async () => {
    const connection = await rigOf().connect();
    const filter = JSON.stringify({
      toolsListChanged: true,
      promptsListChanged: true,
      resourceSubscriptions: ['a:1', 'a:refuse', 'a:1', 'a:2'],
    }) as RawJson;
    const notes: unknown[] = [];
    connection.onNotification((method, params) => notes.push([method, params]));
    const listener = await connection.listen(filter, MODERN_CLIENT, new AbortController().signal);
    expect(JSON.parse(listener.acknowledged)).toEqual({
      toolsListChanged: true,
      resourceSubscriptions: ['a:1', 'a:2'],
    });
    const second = await connection.listen(filter, MODERN_CLIENT, new AbortController().signal);
    await connection.request(tool('touch', { uri: 'a:1' }));
    expect(notes).toEqual([['notifications/resources/updated', '{"uri":"a:1"}']]);
    listener.close();
    expect(JSON.parse(text(await connection.request(tool('seen'))))).toEqual([]);
    second.close();
    await connection.request(tool('echo'));
    expect(JSON.parse(text(await connection.request(tool('seen'))))).toEqual([
      'unsubscribed a:1',
      'unsubscribed a:2',
    ]);
  });

  it('opens a listen stream at a modern server, and closing it cancels there', async () => {
    const connection = await rigOf(stdio([SCRIPTED, '--era=modern'])).connect();
    const notes: unknown[] = [];
    connection.onNotification((method, params) => notes.push([method, params]));
    const filter = '{"resourceSubscriptions":["a:1"]}' as RawJson;
    const listener = await connection.listen(filter, MODERN_CLIENT, new AbortController().signal);
    expect(listener.acknowledged).toBe('{"resourceSubscriptions":["a:1"]}');
    await connection.request(tool('touch', { uri: 'a:1' }));
    expect(notes).toEqual([['notifications/resources/updated', '{"uri":"a:1"}']]);
    listener.close();
    expect(JSON.parse(text(await connection.request(tool('seen'))))).toHaveLength(1);
  });

  it('reports a changed list once, however often the server says so', async () => {
    const rig = rigOf();
    const changes: string[] = [];
    rig.pool.onChange((server, what) => changes.push(`${server} ${what}`));
    const connection = await rig.connect();
    await connection.request(tool('list_changed'));
    await until(() => changes.length > 0);
    expect(changes).toEqual(['s tools']);
  });
});

describe('a shared stdio process', () => {
  it('serves all principals, attributes progress, and gives logs and requests to nobody', async () => {
    const rig = rigOf(stdio([SCRIPTED], { shared: true }));
    const [mine, theirs] = await Promise.all([rig.connect(), rig.connect({ agentId: 'agt_b' })]);
    expect(mine).toBe(theirs);
    const log = tool('log');
    await mine.request(log);
    expect(log.notes).toEqual([]);
    const ask = tool(
      'ask',
      {},
      { onRequest: () => Promise.reject(new Error('must not be asked')) },
    );
    expect(text(await theirs.request(ask))).toContain('-32601');
    expect(JSON.parse(mine.info.instructions ?? '').capabilities).toEqual({});
  });
});
