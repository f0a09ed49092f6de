import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../../kernel/index.ts';
import type { UpstreamConnection } from '../model.ts';
import { createRig, LEGACY_CLIENT, type Rig, stdio, tool } from './fixtures/rig.ts';
import type { UpstreamLimits } from './limits.ts';
import type { ChildHandle, SpawnSpec } from './ports.ts';

/** A child in memory: answers the handshake at once, never anything else, until told to die. */
function createFakeSpawn() {
  const children: Array<{ spec: SpawnSpec; signals: string[]; die(): void; ended: boolean }> = [];
  const spawn = (spec: SpawnSpec): ChildHandle => {
    const events = new EventEmitter();
    const record = { spec, signals: [] as string[], ended: false, die };
    function die(): void {
      if (record.ended) return;
      record.ended = true;
      events.emit('exit', { code: 9, signal: null }, undefined);
    }
    children.push(record);
    return {
      pid: children.length,
      write(line) {
        const { id, method } = JSON.parse(line);
        const say = (body: object) =>
          queueMicrotask(() =>
            events.emit('out', Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id, ...body })}\n`)),
          );
        if (method === 'server/discover') say({ error: { code: -32601, message: 'no' } });
        if (method === 'initialize')
          say({ result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} } });
        return true;
      },
      unwritten: () => 0,
      endInput() {},
      onOutput: (listener) => void events.on('out', listener),
      onErrorOutput() {},
      onExit: (listener) => void events.on('exit', listener),
      signal(name) {
        record.signals.push(name);
        if (name === 'SIGKILL') die();
      },
    };
  };
  return { spawn, children, living: () => children.filter((child) => !child.ended).length };
}

const rigs: Array<{ rig: Rig; clock: FakeClock }> = [];
afterEach(async () => {
  for (const { rig, clock } of rigs.splice(0)) {
    const closing = rig.pool.close();
    clock.advance(60_000);
    await closing;
  }
});

function fakeRig(limits: Partial<UpstreamLimits> = {}) {
  const clock = createFakeClock();
  const fake = createFakeSpawn();
  const rig = createRig(stdio([]), limits, { clock, spawn: fake.spawn });
  rigs.push({ rig, clock });
  return { rig, clock, ...fake };
}
const as = (agentId: string) => ({ agentId, client: LEGACY_CLIENT });

describe('the pool', () => {
  it('gives a ready connection at once, not a promise', async () => {
    const { rig } = fakeRig();
    const first = await rig.connect();
    const key = {
      server: 's',
      agentId: 'agt_a',
      user: undefined,
      client: LEGACY_CLIENT,
      sessionId: 'any',
    };
    expect(rig.pool.acquire(key, new AbortController().signal)).toBe(first);
  });

  it('closes what nobody used for the idle time, and nothing that is in use', async () => {
    const { rig, clock } = fakeRig({ idleMs: 10_000, killGraceMs: 100 });
    const [idle, busy] = await Promise.all([rig.connect(as('a')), rig.connect(as('b'))]);
    const reasons: string[] = [];
    idle.onClose((reason) => reasons.push(reason));
    busy.request(tool('x', {}, { timeoutMs: 1_000_000 })).catch(() => {});
    clock.advance(20_000);
    clock.advance(1_000);
    expect(reasons).toEqual(['it was idle']);
    expect(rig.pool.status()[0]).toMatchObject({ connections: 1, restarts: 0, state: 'ready' });
    expect(rig.faults).toEqual([]);
  });

  it('makes room by closing the longest unused connection, and refuses when all are busy', async () => {
    const { rig, clock } = fakeRig({ maxProcesses: 2 });
    const held: UpstreamConnection[] = [];
    for (const agent of ['a', 'b']) {
      held.push(await rig.connect(as(agent)));
      clock.advance(10);
    }
    const gone: string[] = [];
    for (const [i, connection] of held.entries()) connection.onClose(() => gone.push(`${i}`));
    held.push(await rig.connect(as('c')));
    clock.advance(5_000);
    expect(gone).toEqual(['0']);
    for (const connection of held.slice(1))
      connection.request(tool('x', {}, { timeoutMs: 1e6 })).catch(() => {});
    await expect(rig.connect(as('d'))).rejects.toMatchObject({ code: 'GW_OVERLOADED' });
  });

  it('keeps the connections of others when one principal asks for ever new ones', async () => {
    const { rig, clock, children } = fakeRig({ maxProcesses: 16 });
    let victimLost = false;
    const victim = await rig.connect(as('agt_victim'));
    victim.onClose(() => {
      victimLost = true;
    });
    clock.advance(1);
    for (let n = 0; n < 40; n++) {
      const client = { ...LEGACY_CLIENT, capabilitiesDigest: `made-up-${n}` };
      await rig.connect({ agentId: 'agt_greedy', client });
      clock.advance(1);
    }
    expect(victimLost).toBe(false);
    expect(await rig.connect(as('agt_victim'))).toBe(victim);
    clock.advance(10_000);
    // A probe, the victim's process, and the greedy one's share of two.
    expect(children.filter(({ ended }) => !ended).length).toBeLessThanOrEqual(4);
  });

  it('sends SIGTERM and then SIGKILL to what does not go by itself', async () => {
    const { rig, clock, children } = fakeRig({ killGraceMs: 1_000 });
    await rig.connect();
    const closing = rig.pool.close();
    clock.advance(250);
    expect(children.at(-1)!.signals).toEqual(['SIGTERM']);
    clock.advance(1_000);
    expect(children.at(-1)!.signals).toEqual(['SIGTERM', 'SIGKILL']);
    await closing;
  });

  it('waits for a restart that is due soon and refuses one that is not', async () => {
    const limits = { backoffBaseMs: 1_000, backoffPatienceMs: 1_000, backoffMaxMs: 60_000 };
    const { rig, clock, children } = fakeRig(limits);
    await rig.connect();
    children.at(-1)!.die();
    expect(rig.pool.status()[0]).toMatchObject({
      restarts: 1,
      state: 'backing_off',
      connections: 0,
    });
    const before = children.length;
    const waiting = rig.connect();
    await Promise.resolve();
    expect(children.length).toBe(before);
    clock.advance(1_000);
    await waiting;
    children.at(-1)!.die();
    await expect(rig.connect()).rejects.toMatchObject({
      message: expect.stringContaining('tried again in'),
    });
    clock.advance(2_000);
    await rig.connect();
    expect(rig.pool.status()[0]).toMatchObject({ restarts: 2, state: 'ready' });
  });

  it('lets a caller give up while the connect goes on for the others', async () => {
    const { rig } = fakeRig();
    const abort = new AbortController();
    const key = {
      server: 's',
      agentId: 'agt_a',
      user: undefined,
      client: LEGACY_CLIENT,
      sessionId: undefined,
    };
    const impatient = rig.pool.acquire(key, abort.signal);
    const patient = rig.connect();
    abort.abort();
    await expect(impatient).rejects.toMatchObject({ code: 'GW_CANCELLED' });
    expect((await patient).info.era).toBe('legacy');
  });

  it('answers for servers it doesn’t have and for those switched off', async () => {
    const { rig } = fakeRig();
    await expect(rig.connect({ server: 'other' })).rejects.toMatchObject({
      code: 'GW_UPSTREAM_UNAVAILABLE',
    });
    rig.pool.setServers(new Map([['s', stdio([], { enabled: false })]]));
    expect(rig.pool.servers()).toEqual([]);
    expect(rig.pool.status()[0]).toMatchObject({ state: 'disabled' });
    await expect(rig.connect()).rejects.toMatchObject({
      message: expect.stringContaining('switched off'),
    });
  });
});

describe('a change of configuration', () => {
  it('leaves unchanged servers alone and reports the others', async () => {
    const { rig } = fakeRig();
    const connection = await rig.connect();
    const changes: string[] = [];
    rig.pool.onChange((server, what) => changes.push(`${server} ${what}`));
    rig.pool.setServers(
      new Map([
        ['new', stdio(['x'])],
        ['s', stdio([])],
      ]),
    );
    expect(changes).toEqual(['new config']);
    expect(rig.pool.servers()).toEqual(['new', 's']);
    expect(await rig.connect()).toBe(connection);
    rig.pool.setServers(new Map([['s', stdio(['changed'])]]));
    expect(changes).toEqual(['new config', 'new config', 's config']);
    expect(await rig.connect()).not.toBe(connection);
  });

  it('lets open calls of a changed server finish, but not for ever', async () => {
    const { rig, clock } = fakeRig({ drainMs: 5_000, killGraceMs: 100 });
    const connection = await rig.connect();
    let outcome = 'open';
    connection.request(tool('x', {}, { timeoutMs: 1e6 })).catch((error) => {
      outcome = error.code;
    });
    rig.pool.setServers(new Map());
    clock.advance(4_000);
    await Promise.resolve();
    expect(outcome).toBe('open');
    clock.advance(2_000);
    await Promise.resolve();
    await Promise.resolve();
    expect(outcome).toBe('GW_UPSTREAM_LOST');
  });
});
