import { describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../audit/index.ts';
import { createFakeClock } from '../../kernel/index.ts';
import { createRefusalRecorder, REFUSALS_PER_SECOND } from './record-refusals.ts';

function start(fails = false) {
  const clock = createFakeClock();
  const records: AuditRecord[] = [];
  const faults: unknown[] = [];
  const record = createRefusalRecorder({
    clock,
    audit: {
      append(one) {
        if (fails) return Promise.reject(new Error('disk is gone'));
        records.push(one);
        return Promise.resolve({ seq: 0, hash: '' });
      },
    },
    onFault: (fault) => void faults.push(fault),
  });
  const refuse = (reason = 'expired'): void =>
    record(
      { refused: true, error: 'invalid_token', reason },
      { authorization: 'Bearer secret-token', method: 'POST', resource: 'http://gw/mcp' },
    );
  return { clock, records, faults, refuse };
}

describe('a refused caller', () => {
  it('is recorded with the reason and never with what it presented', () => {
    const { records, refuse } = start();
    refuse('wrong_audience');
    expect(records).toMatchObject([
      {
        type: 'session',
        effect: 'refused',
        target: 'http://gw/mcp',
        detail: { reason: 'wrong_audience' },
      },
    ]);
    expect(JSON.stringify(records)).not.toContain('secret-token');
  });

  it('that floods writes a bounded number of records, and the rest is counted in the next', () => {
    const { clock, records, refuse } = start();
    for (let i = 0; i < 1_000; i++) refuse();
    expect(records).toHaveLength(REFUSALS_PER_SECOND);
    clock.advance(1_000);
    refuse();
    expect(records.at(-1)?.detail).toEqual({
      reason: 'expired',
      suppressed: 1_000 - REFUSALS_PER_SECOND,
    });
    refuse();
    expect(records.at(-1)?.detail).toEqual({ reason: 'expired' });
  });

  it('is refused all the same when it can not be recorded', async () => {
    const { faults, refuse } = start(true);
    refuse();
    await new Promise(setImmediate);
    expect(faults).toHaveLength(1);
  });
});
