import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../kernel/index.ts';
import { fakeClient, fakeUpstream, ok } from '../broker/fixtures/scripted.ts';
import { createCatalogue } from './catalogue.ts';

const catalogueOf = () =>
  createCatalogue({
    clock: createFakeClock(),
    aliases: () => undefined,
    onListing: () => undefined,
  });

describe('what a server announces', () => {
  it('drops the list that changed', async () => {
    const upstream = fakeUpstream({ script: () => ok({ tools: [{ name: 'echo' }] }) });
    const { client } = fakeClient().downstream;
    const catalogue = catalogueOf();
    await catalogue.read(upstream.connection, 'tools', client);
    upstream.emit('notifications/tools/list_changed');
    expect(catalogue.peek(upstream.connection, 'tools', client)).toBeUndefined();
  });

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'harms nobody when it is called %s',
    async (method) => {
      const upstream = fakeUpstream({ script: () => ok({ tools: [{ name: 'echo' }] }) });
      const { client } = fakeClient().downstream;
      const catalogue = catalogueOf();
      await catalogue.read(upstream.connection, 'tools', client);
      expect(() => upstream.emit(method)).not.toThrow();
      expect(catalogue.peek(upstream.connection, 'tools', client)?.items).toHaveLength(1);
    },
  );
});
