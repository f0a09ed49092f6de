import { describe, expect, it } from 'vitest';
import type { Revision } from '../model.ts';
import {
  bench,
  call,
  errorOf,
  fail,
  fakeClient,
  fakeUpstream,
  resultOf,
} from './fixtures/scripted.ts';

const URL_ERROR = fail(-32042, 'open it first', {
  elicitations: [
    { mode: 'url', elicitationId: 'e1', url: 'https://login.example/', message: 'Sign in' },
  ],
});
const CLIENT = { revision: '2025-11-25', capabilities: { elicitation: { url: {} } } } as const;

describe.each<Revision>(['2025-11-25', '2026-07-28'])(
  '-32042 of a %s server to a legacy client',
  (revision) => {
    const through = (permitted: boolean, error = URL_ERROR, method = 'tools/call') => {
      const asked: unknown[] = [];
      const upstream = fakeUpstream({ revision, script: () => error });
      const { request, target } = call(fakeClient(CLIENT), {
        method,
        permitAsk: async (name, params) => {
          asked.push([name, JSON.parse(params ?? '')]);
          return permitted;
        },
      });
      const { broker } = bench();
      return { asked, reply: broker.exchange(upstream.connection, request, target) };
    };

    it('passes as it came when policy permits the question', async () => {
      const { asked, reply } = through(true);
      const { code, data } = errorOf(await reply);
      expect(code).toBe(-32042);
      expect(data).toMatchObject({ elicitations: [{ url: 'https://login.example/' }] });
      expect(asked).toEqual([
        ['elicitation/create', { mode: 'url', message: 'Sign in', url: 'https://login.example/' }],
      ]);
    });

    it('never shows a URL that policy does not let the server ask to open', async () => {
      const { reply } = through(false);
      const result = resultOf(await reply);
      expect(result).toMatchObject({ isError: true });
      expect(JSON.stringify(result)).not.toContain('login.example');
    });

    it('never passes with questions that nobody could decide on', async () => {
      const { reply } = through(true, fail(-32042, 'open https://login.example/', { other: 1 }));
      expect(errorOf(await reply).data).toMatchObject({ code: 'GW_UPSTREAM_PROTOCOL' });
    });
  },
);
