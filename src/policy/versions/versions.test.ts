import { afterAll, describe, expect, it } from 'vitest';
import { createFakeClock, systemClock } from '../../kernel/index.ts';
import { createSqliteDb, type Db, migrate } from '../../store/index.ts';
import { createCedarHost } from '../host/create-cedar-host.ts';
import type { PolicyDirectory } from '../loader/read-directory.ts';
import type { ActionRequest, AgentFacts } from '../model.ts';
import { createPolicyService } from '../service/create-policy-service.ts';
import { createPolicyChanger } from './change-policies.ts';
import { compareSets } from './compare-sets.ts';
import { createPolicyVersions } from './create-versions.ts';
import { POLICY_MIGRATIONS } from './migrations.ts';
import type { ChangeCause, PolicyFiles, PolicyVersionEntry } from './ports.ts';
import { directoryOf } from './stored-set.ts';

const host = createCedarHost({ clock: systemClock });
const open: Db[] = [];
afterAll(async () => {
  for (const db of open) await db.close();
  await host.close();
});

const directory = (text: string, effectsText?: string): PolicyDirectory => ({
  files: [{ name: 'p.cedar', text }],
  effects: new Map(),
  ...(effectsText === undefined ? {} : { effectsText }),
});
const permit = (id: string, agent = 'bot'): string =>
  `@id("${id}") permit(principal == Agent::"${agent}", action, resource);\n`;
const WHO: ChangeCause = { user: 'ana', channel: 'cli', reason: 'because' };

async function rig(text: string) {
  const clock = createFakeClock();
  const db = await createSqliteDb({ path: ':memory:', clock });
  open.push(db);
  await migrate(db, POLICY_MIGRATIONS, clock);
  const state = { on: directory(text), recordFails: false, installs: 0 };
  const records: PolicyVersionEntry[] = [];
  const build = () => {
    const versions = createPolicyVersions({
      db,
      clock,
      record: async (entry) => {
        if (state.recordFails) throw new Error('the log is down');
        records.push(entry);
      },
    });
    const files: PolicyFiles = {
      read: async () => state.on,
      install: async (set) => {
        state.installs++;
        state.on = directoryOf(set);
        return { backup: `b${state.installs}` };
      },
    };
    const service = createPolicyService({
      host,
      read: files.read,
      mode: 'enforce',
      beforeChange: versions.beforeChange,
    });
    service.onChange(() => void versions.noteLive(service.version()));
    return { versions, service, changer: createPolicyChanger({ service, versions, files }) };
  };
  const built = build();
  await built.service.reload();
  return { ...built, state, records, db, again: build };
}

describe('policy versions', () => {
  it('keeps, numbers and records every set that takes effect', async () => {
    const { service, versions, state, records } = await rig(permit('one'));
    state.on = directory(permit('one', 'bob') + permit('two'));
    await service.reload();
    await service.reload();
    expect(records.map(({ number, reason }) => [number, reason])).toEqual([
      [1, 'found at start'],
      [2, 'the files were changed'],
    ]);
    expect(records[1]?.summary).toEqual({
      added: ['two'],
      removed: [],
      changed: ['one'],
      effects: false,
      more: 0,
    });
    expect((await versions.list()).map(({ number }) => number)).toEqual([2, 1]);
    expect((await versions.find('1')).set.files[0]?.text).toBe(permit('one'));
  });

  it('lets nothing take effect that could not be recorded', async () => {
    const { service, versions, state } = await rig(permit('one'));
    const before = service.version();
    state.recordFails = true;
    state.on = directory(permit('other'));
    await expect(service.reload()).rejects.toThrow('the log is down');
    expect(service.version()).toBe(before);
    expect(await versions.list()).toHaveLength(1);
    state.recordFails = false;
    expect((await service.reload()).applied).toBe(true);
    expect((await versions.latest())?.number).toBe(2);
  });

  it('does not count a restart as a change, but records what a crash left unrecorded', async () => {
    const { versions, records, again, db } = await rig(permit('one'));
    await again().service.reload();
    expect(records).toHaveLength(1);
    await db.run('update policy_versions set recorded = 0');
    await again().service.reload();
    expect(records).toHaveLength(2);
    expect(await versions.list()).toHaveLength(1);
  });

  it('finds a version by number, digest, the version that a decision names, and place', async () => {
    const { service, versions } = await rig(permit('one'));
    const first = await versions.latest();
    const version = service.version();
    service.setTools('fs', [{ name: 'get', inputSchema: { type: 'object' } }]);
    await service.idle();
    expect(service.version()).not.toBe(version);
    for (const name of [
      '1',
      'v1',
      'current',
      first?.digest.slice(0, 8) ?? '',
      version,
      service.version(),
    ])
      expect((await versions.find(name)).entry.number, name).toBe(1);
    for (const name of ['2', 'previous', 'p_0', "1' or 1=1", '', 'abcdef12'])
      await expect(versions.find(name)).rejects.toMatchObject({ code: 'POLICY_VERSION_UNKNOWN' });
  });

  it('does not bring a set back that was changed in the database', async () => {
    const { versions, db } = await rig(permit('one'));
    await db.run("update policy_sets set body = replace(body, 'bot', 'eve')");
    await expect(versions.find('1')).rejects.toMatchObject({ code: 'POLICY_VERSION_UNKNOWN' });
  });
});

describe('changing policies', () => {
  it('applies a directory with who and why, and rolls back at once', async () => {
    const { changer, versions, service, records, state } = await rig(permit('one'));
    const looked = await changer.look(directory(permit('two')));
    expect(looked.difference.unified).toContain('+@id("two")');
    const done = await changer.apply(directory(permit('two')), WHO, looked.against);
    expect(done).toMatchObject({
      changed: true,
      entry: { number: 2, user: 'ana', reason: 'because' },
    });
    expect(records.at(-1)).toMatchObject({ user: 'ana', channel: 'cli' });
    const back = await changer.rollback('1', { ...WHO, reason: 'it broke' });
    expect(back.entry).toMatchObject({
      number: 3,
      reason: 'it broke',
      digest: (await versions.find('1')).entry.digest,
    });
    expect(state.on.files[0]?.text).toBe(permit('one'));
    expect(service.snapshot()?.source.files[0]?.text).toBe(permit('one'));
    expect(await changer.apply(directory(permit('one')), WHO)).toMatchObject({ changed: false });
  });

  it('refuses what is invalid, and what was looked at against other policies', async () => {
    const { changer, state } = await rig(permit('one'));
    await expect(changer.apply(directory('permit(principal'), WHO)).rejects.toMatchObject({
      code: 'POLICY_INVALID',
    });
    await expect(changer.apply(directory(permit('two')), WHO, 'other')).rejects.toMatchObject({
      code: 'POLICY_CHANGED_MEANWHILE',
    });
    expect(state.installs).toBe(0);
  });

  it('puts the files back when the change cannot be recorded', async () => {
    const { changer, state, service } = await rig(permit('one'));
    state.recordFails = true;
    await expect(changer.apply(directory(permit('two')), WHO)).rejects.toThrow('the log is down');
    expect(state.on.files[0]?.text).toBe(permit('one'));
    expect(service.snapshot()?.source.files[0]?.text).toBe(permit('one'));
  });

  it('swaps fifty times under load: no decision is missed, none mixes two sets', {
    timeout: 60_000,
  }, async () => {
    // Set k lets the k-th agent pass by one policy and stops all others by another, in different files.
    const set = (k: number): PolicyDirectory => ({
      files: [
        { name: 'a.cedar', text: `@id("pass-${k}") permit(principal, action, resource);` },
        {
          name: 'b.cedar',
          text: `@id("stop-${k}") forbid(principal, action, resource) unless { principal == Agent::"bot-${k % 5}" };`,
        },
      ],
      effects: new Map(),
    });
    const { changer, versions, service } = await rig('');
    await changer.apply(set(0), WHO);
    const agents = Array.from(
      { length: 5 },
      (_, i): AgentFacts => ({ id: `agt_${i}`, name: `bot-${i}`, owner: 'ana' }),
    );
    const numbers = new Map<string, number>();
    const seen: { version: string; agent: number; effect: string; policies: readonly string[] }[] =
      [];
    let going = true;
    const load = async (): Promise<void> => {
      for (let i = 0; going; i++) {
        const agent = i % 5;
        const request: ActionRequest = {
          agent: agents[agent]!,
          kind: 'list',
          method: 'tools/list',
          server: 'fs',
          target: 'tools/list',
          session: { now: 0, transport: 'http', era: 'modern' },
        };
        const { effect, policies, policyVersion } = service.decide(request);
        seen.push({ version: policyVersion, agent, effect, policies });
        if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const running = [load(), load()];
    numbers.set(service.version(), 0);
    for (let k = 1; k <= 50; k++) {
      await changer.apply(set(k), WHO);
      numbers.set(service.version(), k);
    }
    going = false;
    await Promise.all(running);
    // Guards against a load that slept through the changes.
    expect(new Set(seen.map(({ version }) => version)).size).toBeGreaterThan(25);
    for (const { version, agent, effect, policies } of seen) {
      const k = numbers.get(version);
      expect(k).toBeDefined();
      const passes = agent === k! % 5;
      if (
        effect !== (passes ? 'allow' : 'deny') ||
        policies.join() !== (passes ? `pass-${k}` : `stop-${k}`)
      )
        throw new Error(`version ${k}: agent ${agent} got ${effect} by ${policies.join()}`);
    }
    expect((await versions.latest())?.number).toBe(52);
  });
});

it('compares sets policy by policy, wherever they stand', () => {
  const set = (a: string, ids: string[], effects?: string) => ({
    files: [{ name: 'a.cedar', text: a, ids }],
    effects,
  });
  const found = compareSets(
    set('permit(principal, action, resource);\nforbid(principal, action, resource);', ['x', 'y']),
    set(
      'forbid(principal, action, resource);\npermit(principal, action,\n  resource);',
      ['y', 'x'],
      'fs: {}',
    ),
  );
  expect(found).toMatchObject({ added: [], removed: [], changed: [{ id: 'x' }], effects: true });
  expect(found.unified).toContain('--- a/a.cedar/x\n+++ b/a.cedar/x\n');
  expect(found.unified).toContain('-permit(principal, action, resource);');
});
