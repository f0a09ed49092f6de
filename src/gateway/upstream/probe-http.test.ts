import { describe, expect, it } from 'vitest';
import { failure, json, legacy, modern } from './fixtures/http-fixture.ts';
import { code, echo, start } from './fixtures/http-rig.ts';
import { tool } from './fixtures/rig.ts';

describe('the probe of an HTTP server', () => {
  it.each([401, 403, 500, 503, 429])('learns nothing from HTTP %i', async (status) => {
    const { server, rig } = await start((_seen, response) => json(response, status, '{}'));
    expect(await code(rig.connect())).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect(server.log()).toEqual(['POST server/discover']);
    expect(rig.pool.status()[0]!.era).toBeUndefined();
  });

  it.each([-32601, -32602, -32600, -32000])(
    'takes error %i for a legacy server',
    async (number) => {
      const handled = legacy(echo);
      const { rig } = await start((seen, response) => {
        if (seen.body?.method === 'server/discover')
          return json(response, 200, failure(seen.body.id, number));
        handled(seen, response);
      });
      expect((await rig.connect()).info.era).toBe('legacy');
    },
  );

  it('asks a server that wants capabilities again, with the caller’s', async () => {
    const handled = modern(echo);
    const { server, rig } = await start((seen, response) => {
      const declared = seen.body.params._meta['io.modelcontextprotocol/clientCapabilities'];
      if (declared.sampling === undefined)
        return json(response, 400, failure(seen.body.id, -32021));
      handled(seen, response);
    });
    expect((await rig.connect()).info.era).toBe('modern');
    expect(server.log()).toEqual(['POST server/discover', 'POST server/discover']);
  });

  it('does not fall back when a server says it is modern but of an unknown revision', async () => {
    const { server, rig } = await start(({ body }, response) => {
      json(response, 400, failure(body.id, -32022, { supported: ['2031-01-01'] }));
    });
    expect(await code(rig.connect())).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect(server.log()).toEqual(['POST server/discover']);
  });

  it('is repeated after the age limit, so an upgraded server is noticed', async () => {
    let upgraded = false;
    const [old, young] = [legacy(echo), modern(echo)];
    const { rig } = await start((seen, response) => (upgraded ? young : old)(seen, response), {
      eraMaxAgeMs: 1,
    });
    expect((await rig.connect()).info.era).toBe('legacy');
    upgraded = true;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await rig.connect({ agentId: 'agt_b' })).info.era).toBe('modern');
  });

  it('is repeated when a modern server starts to answer like a legacy one', async () => {
    let downgraded = false;
    const [old, young] = [legacy(echo), modern(echo)];
    const { rig } = await start((seen, response) => {
      if (!downgraded) return young(seen, response);
      if (seen.headers['mcp-protocol-version'] === '2026-07-28')
        return json(response, 400, 'Bad Request');
      old(seen, response);
    });
    const before = await rig.connect();
    expect(before.info.era).toBe('modern');
    downgraded = true;
    expect(await code(before.request(tool('x')))).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect((await rig.connect()).info.era).toBe('legacy');
  });
});
