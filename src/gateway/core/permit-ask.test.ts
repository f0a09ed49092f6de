import { describe, expect, it } from 'vitest';
import { ELICIT, fakeUpstream, ok, type Script } from '../broker/fixtures/scripted.ts';
import type { RawJson } from '../model.ts';
import type { CallContext } from '../pipeline/call-context.ts';
import { at, type PartsRig, partsRig, type RequestOptions } from './fixtures/parts-rig.ts';
import { permitAsk } from './permit-ask.ts';

const PARAMS = JSON.stringify(ELICIT.params) as RawJson;

function start(script?: Script, options: RequestOptions = {}) {
  const upstream = fakeUpstream({
    server: 's',
    revision: '2025-11-25',
    ...(script === undefined ? {} : { script }),
  });
  const rig = partsRig([upstream]);
  const { request, context } = rig.request(
    'tools/call',
    { name: 'x', arguments: {} },
    { endpoint: at('s'), ...options },
  );
  const own: CallContext = {
    ...context,
    target: {
      kind: 'tool',
      server: 's',
      name: 'x',
      exposedName: 'x',
      connection: upstream.connection,
      item: undefined,
      params: request.params,
      paramHeaders: {},
      extraHeaders: {},
    },
  };
  return { rig, upstream, context: own, request };
}
const decide = ({ rig, context }: { rig: PartsRig; context: CallContext }, method: string) =>
  permitAsk(context, rig, method, PARAMS);

describe('what a server asks of the client', () => {
  it.each([
    ['sampling/createMessage', 'sampling'],
    ['elicitation/create', 'elicitation'],
    ['roots/list', 'roots'],
  ])(
    '%s is decided as %s and recorded before it is permitted, without its words',
    async (method, kind) => {
      const test = start();
      expect(await decide(test, method)).toBe(true);
      expect(test.rig.asked).toMatchObject([{ kind, method, server: 's' }]);
      expect(test.rig.records).toMatchObject([
        {
          type: 'decision',
          method,
          server: 's',
          effect: 'allow',
          detail: { direction: 'server_to_client', within: test.context.decisionId },
        },
      ]);
      expect(test.rig.records[0]?.decision).not.toBe(test.context.decisionId);
      expect(JSON.stringify(test.rig.records)).not.toContain('Name?');
    },
  );

  it.each(['deny', 'hold'] as const)('is refused and recorded on %s', async (effect) => {
    const test = start();
    test.rig.rules.effect = () => effect;
    expect(await decide(test, 'elicitation/create')).toBe(false);
    expect(test.rig.records).toMatchObject([{ effect }]);
  });

  it('is nothing else than sampling, elicitation and roots', async () => {
    const test = start();
    for (const method of [
      'tools/call',
      'ping',
      'elicitation/Create',
      '__proto__',
      'constructor',
      '',
    ])
      expect(await decide(test, method)).toBe(false);
    expect(test.rig.asked).toEqual([]);
  });

  it('is not permitted when the decision can not be recorded', async () => {
    const test = start();
    test.rig.rules.auditFails = true;
    await expect(decide(test, 'roots/list')).rejects.toThrow();
  });
});

it('a denied question never reaches the client; the server gets an error', async () => {
  const asked: string[] = [];
  let answer: unknown;
  const script: Script = async ({ onRequest, signal }) => {
    answer = await onRequest('elicitation/create', PARAMS, signal);
    return ok({ content: [] });
  };
  for (const effect of ['deny', 'allow'] as const) {
    const test = start(script, {
      revision: '2025-11-25',
      capabilities: { elicitation: {} },
      ask: async (method) => {
        asked.push(method);
        return { result: '{"action":"accept","content":{}}' as RawJson };
      },
    });
    test.rig.rules.effect = () => effect;
    const { rig, context, request, upstream } = test;
    await rig.broker.exchange(upstream.connection, request, {
      server: 's',
      call: context.call,
      argumentsDigest: '',
      params: request.params,
      paramHeaders: {},
      extraHeaders: {},
      timeoutMs: 1_000,
      permitAsk: (method, params) => permitAsk(context, rig, method, params),
      endpoint: request.downstream.endpoint,
    });
    if (effect === 'deny') {
      expect(asked).toEqual([]);
      expect(answer).toHaveProperty('error');
    } else expect(asked).toEqual(['elicitation/create']);
  }
});
