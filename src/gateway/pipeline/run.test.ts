import { describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../audit/index.ts';
import type { Principal } from '../../identity/index.ts';
import { createFakeClock, createIdSource, createSeededRandom } from '../../kernel/index.ts';
import type { Decision } from '../../policy/index.ts';
import type { InboundRequest, RawJson, Reply, UpstreamConnection } from '../model.ts';
import { type CallContext, NO_DECISION, type PipelineDeps, type Step } from './call-context.ts';
import { ACTION, ADMISSION } from './index.ts';
import { runAction, runAdmission } from './run.ts';

const ALLOW: Decision = {
  ...NO_DECISION,
  effect: 'allow',
  reasons: [],
  policies: ['p1'],
  policyVersion: 'v1',
};
const principal = {
  agent: { id: 'agt_1', name: 'deploy', owners: ['alice@example.com'], groups: [] },
  path: ['agt_1'],
  credential: { kind: 'access_token', id: 'j1', issuedAt: 0, expiresAt: 1e15 },
  scopes: [],
} as unknown as Principal;

interface Rig {
  readonly records: AuditRecord[];
  readonly forwarded: string[];
  readonly faults: string[];
  readonly deps: PipelineDeps;
  context(): CallContext;
}

function rig(
  options: {
    decision?: Decision;
    mayUse?: boolean;
    revoked?: string;
    appendFails?: (record: AuditRecord) => boolean;
    exchange?: () => Promise<Reply>;
  } = {},
): Rig {
  const records: AuditRecord[] = [];
  const forwarded: string[] = [];
  const faults: string[] = [];
  const clock = createFakeClock();
  const ids = createIdSource(clock, createSeededRandom());
  const request = {
    id: '1' as RawJson,
    method: 'tools/call',
    params: '{"name":"echo","arguments":{"text":"hi"}}' as RawJson,
    paramHeaders: {},
    downstream: {
      principal,
      client: { era: 'modern', revision: '2026-07-28' },
      endpoint: { kind: 'server', server: 'demo' },
      transport: 'http',
      session: undefined,
      signal: new AbortController().signal,
    },
  } as unknown as InboundRequest;
  const deps: PipelineDeps = {
    clock,
    ids,
    audit: {
      append(record) {
        if (options.appendFails?.(record)) return Promise.reject(new Error('disk is gone'));
        records.push(record);
        return Promise.resolve({ seq: records.length - 1, hash: '' });
      },
    },
    policy: {
      decide: () => options.decision ?? ALLOW,
      mayUse: () => options.mayUse ?? true,
      setTools: () => undefined,
      version: () => 'v1',
      onChange: () => () => undefined,
    },
    broker: {
      exchange: (_connection, _request, target) => {
        forwarded.push(target.params ?? '');
        return (
          options.exchange?.() ??
          Promise.resolve({ kind: 'result', result: '{"content":[]}' as RawJson })
        );
      },
    },
    revoked: () => options.revoked,
    resolve: () => ({
      ok: true,
      target: {
        kind: 'tool',
        server: 'demo',
        name: 'echo',
        exposedName: 'echo',
        connection: {} as UpstreamConnection,
        item: undefined,
        params: request.params,
        paramHeaders: {},
        extraHeaders: {},
      },
    }),
    timeoutMs: () => 1_000,
    permitAsk: () => Promise.resolve(false),
    onFault: (_context, step) => void faults.push(step),
  };
  return {
    records,
    forwarded,
    faults,
    deps,
    context: () => ({
      call: 'cal_1',
      decisionId: 'dec_1',
      time: clock.now(),
      request,
      principal,
      trace: {
        traceId: '0'.repeat(31).concat('1'),
        spanId: '0'.repeat(15).concat('1'),
        parent: undefined,
      },
      target: undefined,
      args: undefined,
      argumentsDigest: '',
      decision: NO_DECISION,
      hidden: false,
      refusal: undefined,
      receipt: undefined,
      reply: undefined,
      fault: undefined,
    }),
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the ACTION pipeline', () => {
  it('decides, records, forwards and records the outcome, in that order', async () => {
    const test = rig();
    const reply = await runAction(ACTION, test.context(), test.deps);
    await settle();
    expect(reply.kind).toBe('result');
    expect(test.forwarded).toHaveLength(1);
    expect(test.records.map((record) => [record.type, record.effect])).toEqual([
      ['decision', 'allow'],
      ['outcome', 'ok'],
    ]);
  });

  it.each(['deny', 'hold'] as const)('records a %s and forwards nothing', async (effect) => {
    const test = rig({
      decision: {
        ...ALLOW,
        effect,
        reasons: [{ code: 'forbidden', message: 'production is frozen.' }],
      },
    });
    const reply = await runAction(ACTION, test.context(), test.deps);
    expect(test.forwarded).toEqual([]);
    expect(test.records.map((record) => [record.type, record.effect])).toEqual([
      ['decision', effect],
    ]);
    expect(JSON.stringify(reply)).toContain('production is frozen.');
    expect(JSON.stringify(reply)).toContain('dec_1');
  });

  it('answers a tool the agent may never use exactly like one that does not exist', async () => {
    const test = rig({ decision: { ...ALLOW, effect: 'deny' }, mayUse: false });
    const hidden = await runAction(ACTION, test.context(), test.deps);
    expect(hidden).toEqual({
      kind: 'error',
      status: 200,
      code: -32602,
      message: 'Unknown tool: echo',
    });
    expect(test.records[0]?.detail?.['hidden']).toBe(true);
  });

  it('refuses a revoked principal before anything is resolved', async () => {
    const test = rig({ revoked: 'suspended' });
    await runAction(ACTION, test.context(), {
      ...test.deps,
      resolve: () => expect.unreachable('must not resolve'),
    });
    expect(test.records.map((record) => record.effect)).toEqual(['deny']);
    expect(test.forwarded).toEqual([]);
  });

  it('forwards nothing when the decision can not be made durable', async () => {
    const test = rig({ appendFails: () => true });
    const reply = await runAction(ACTION, test.context(), test.deps);
    expect(test.forwarded).toEqual([]);
    expect(reply).toMatchObject({ kind: 'error', status: 503 });
    expect(JSON.stringify(reply)).toContain('GW_NOT_RECORDED');
    expect(JSON.stringify(reply)).not.toContain('disk is gone');
  });

  it('gives the reply of the server even when the outcome can not be recorded, and reports the fault', async () => {
    const test = rig({ appendFails: (record) => record.type === 'outcome' });
    const reply = await runAction(ACTION, test.context(), test.deps);
    await settle();
    expect(reply.kind).toBe('result');
    expect(test.faults).toEqual(['record-outcome']);
  });

  it('records the fault of a server that went away as the outcome', async () => {
    const test = rig({ exchange: () => Promise.reject(new Error('socket closed by 10.0.0.1')) });
    const reply = await runAction(ACTION, test.context(), test.deps);
    await settle();
    expect(test.records.map((record) => [record.type, record.effect])).toEqual([
      ['decision', 'allow'],
      ['outcome', 'fault'],
    ]);
    expect(JSON.stringify(reply)).not.toContain('10.0.0.1');
  });

  it.each(ACTION.map((step) => step.name))(
    'turns a throw in %s into an answer and a record, never into an unguarded call',
    async (name) => {
      for (const asynchronous of [false, true]) {
        const test = rig();
        const broken: Step[] = ACTION.map((step) =>
          step.name === name
            ? {
                name,
                run: () => {
                  if (asynchronous) return Promise.reject(new Error('planted'));
                  throw new Error('planted');
                },
              }
            : step,
        );
        const reply = await runAction(broken, test.context(), test.deps);
        await settle();
        const after = name === 'record-outcome';
        const recordable = name !== 'record-decision';
        expect(test.forwarded.length, name).toBe(after ? 1 : 0);
        expect(test.faults).toContain(name);
        expect(JSON.stringify(reply)).not.toContain('planted');
        if (!after) expect(reply.kind).toBe('error');
        if (recordable) expect(test.records.length).toBeGreaterThan(0);
        if (!after && name !== 'forward')
          expect(test.records.every((record) => record.effect === 'deny')).toBe(true);
      }
    },
  );

  it.each(['resolve-target', 'decide', 'record-decision'])(
    'forwards nothing when %s is missing from the list',
    async (name) => {
      const test = rig({ decision: ALLOW });
      const without = ACTION.filter((step) => step.name !== name);
      expect(without).toHaveLength(ACTION.length - 1);
      await runAction(without, test.context(), test.deps);
      expect(test.forwarded).toEqual([]);
    },
  );
});

describe('the ADMISSION pipeline', () => {
  const credential = {
    authorization: 'Bearer x',
    method: 'POST',
    resource: 'http://127.0.0.1/mcp',
  };
  it('stays synchronous for a cached token', () => {
    const admitted = runAdmission(
      ADMISSION,
      credential,
      { authenticate: () => principal, revoked: () => undefined, onRevoked: () => () => undefined },
      () => undefined,
    );
    expect(admitted).toBe(principal);
  });

  it('refuses a revoked principal whatever its token says', async () => {
    const admitted = await runAdmission(
      ADMISSION,
      credential,
      {
        authenticate: () => Promise.resolve(principal),
        revoked: () => 'suspended',
        onRevoked: () => () => undefined,
      },
      () => undefined,
    );
    expect(admitted).toMatchObject({ refused: true });
  });

  it.each(ADMISSION.map((step) => step.name))('refuses when %s throws', async (name) => {
    const faults: string[] = [];
    const broken = ADMISSION.map((step) =>
      step.name === name
        ? {
            name,
            run: () => {
              throw new Error('planted');
            },
          }
        : step,
    );
    const admitted = await runAdmission(
      broken,
      credential,
      { authenticate: () => principal, revoked: () => undefined, onRevoked: () => () => undefined },
      (step) => void faults.push(step),
    );
    expect(admitted).toMatchObject({ refused: true });
    expect(faults).toEqual([name]);
  });
});
