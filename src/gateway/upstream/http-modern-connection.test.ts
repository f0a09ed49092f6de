import { describe, expect, it } from 'vitest';
import type { RawJson } from '../model.ts';
import { failure, json, modern, openSse, result } from './fixtures/http-fixture.ts';
import { code, echo, start } from './fixtures/http-rig.ts';
import { MODERN_CLIENT, request, tool, until } from './fixtures/rig.ts';

describe('a modern HTTP upstream', () => {
  it('gets envelope and headers rebuilt from the message, configured headers last, no credential of the caller', async () => {
    const { server, rig } = await start(
      modern(echo),
      {},
      { headers: { Authorization: 'Bearer ours', 'X-Key': 'k' } },
    );
    const connection = await rig.connect({ client: MODERN_CLIENT });
    expect(connection.info).toMatchObject({
      era: 'modern',
      serverInfo: '{"name":"m"}',
      instructions: 'be kind',
    });
    const answer = await connection.request(
      tool(
        'größe',
        { region: 'eu' },
        {
          client: MODERN_CLIENT,
          extraHeaders: {
            traceparent: '00-1-2-01',
            authorization: 'Bearer theirs',
            Cookie: 'c',
            'mcp-name': 'evil',
            'x-key': 'theirs',
            'x-bad': 'a\r\nb: c',
          },
          paramHeaders: { 'mcp-param-region': 'eu', note: ' edge ' },
        },
      ),
    );
    expect(answer).toEqual({ kind: 'result', result: '{"method":"tools/call"}' });
    const { headers, body } = server.seen.at(-1)!;
    expect(headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?Z3LDtsOfZQ==?=',
      'mcp-param-region': 'eu',
      'mcp-param-note': '=?base64?IGVkZ2Ug?=',
      traceparent: '00-1-2-01',
      authorization: 'Bearer ours',
      'x-key': 'k',
    });
    expect(headers).not.toHaveProperty('cookie');
    expect(headers).not.toHaveProperty('x-bad');
    expect(headers).not.toHaveProperty('mcp-session-id');
    expect(body.params._meta['io.modelcontextprotocol/clientInfo']).toEqual({
      name: 'rig',
      version: '1',
    });
    await connection.request(request('resources/read', { uri: 'a:1' }));
    expect(server.seen.at(-1)!.headers['mcp-name']).toBe('a:1');
    await connection.request(request('tasks/get', { taskId: 't1' }));
    expect(server.seen.at(-1)!.headers['mcp-name']).toBe('t1');
  });

  it('answers with the bytes of the server, errors in 4xx bodies included', async () => {
    const { rig } = await start(
      modern(({ body }, response) => {
        if (body.params.name === 'exact') {
          return json(
            response,
            200,
            `{"jsonrpc":"2.0","id":${body.id},"result":{ "n":9007199254740993 }}`,
          );
        }
        json(response, 404, failure(body.id, -32601));
      }),
    );
    const connection = await rig.connect();
    expect(await connection.request(tool('exact'))).toEqual({
      kind: 'result',
      result: '{ "n":9007199254740993 }',
    });
    expect(await connection.request(tool('other'))).toEqual({
      kind: 'error',
      error: '{"code":-32601,"message":"no"}',
    });
  });

  it('delivers notifications of a stream in order, then the answer', async () => {
    const { rig } = await start(
      modern(({ body }, response) => {
        const send = openSse(response);
        for (let progress = 1; progress <= 3; progress++) {
          send({
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken: 'p', progress },
          });
        }
        send(result(body.id, { done: true }));
        response.end();
      }),
    );
    const connection = await rig.connect();
    const call = tool('x');
    expect(await connection.request(call)).toEqual({ kind: 'result', result: '{"done":true}' });
    expect(call.notes.map((note) => (note.params as { progress: number }).progress)).toEqual([
      1, 2, 3,
    ]);
  });

  it('closes the stream when the caller aborts, and sends no cancellation message', async () => {
    let closed = false;
    const { server, rig } = await start(
      modern((_seen, response) => {
        openSse(response);
        response.on('close', () => {
          closed = true;
        });
      }),
    );
    const connection = await rig.connect();
    const abort = new AbortController();
    const call = connection.request(tool('x', {}, { signal: abort.signal }));
    await until(() => server.log().includes('POST tools/call'));
    abort.abort();
    expect(await code(call)).toBe('GW_CANCELLED');
    await until(() => closed);
    expect(server.log()).toEqual(['POST server/discover', 'POST tools/call']);
  });

  it('listens with acknowledgement and hears of changes until closed', async () => {
    let closed = false;
    const { rig } = await start(
      modern(({ body }, response) => {
        const send = openSse(response);
        const stamp = { _meta: { 'io.modelcontextprotocol/subscriptionId': body.id } };
        const notify = (method: string, params: object) =>
          send({ jsonrpc: '2.0', method, params: { ...params, ...stamp } });
        notify('notifications/tools/list_changed', {});
        notify('notifications/subscriptions/acknowledged', {
          notifications: { toolsListChanged: true },
        });
        notify('notifications/tools/list_changed', {});
        response.on('close', () => {
          closed = true;
        });
      }),
    );
    const mine = await rig.connect({ client: MODERN_CLIENT });
    const theirs = await rig.connect({ client: MODERN_CLIENT, agentId: 'agt_b' });
    const notes: string[] = [];
    const leaked: string[] = [];
    mine.onNotification((method, params) => notes.push(`${method} ${params}`));
    theirs.onNotification((method) => leaked.push(method));
    const filter = '{"toolsListChanged":true,"promptsListChanged":true}' as RawJson;
    const listener = await mine.listen(filter, MODERN_CLIENT, new AbortController().signal);
    expect(listener.acknowledged).toBe('{"toolsListChanged":true}');
    await until(() => notes.length > 0);
    expect(notes).toEqual(['notifications/tools/list_changed {}']);
    expect(leaked).toEqual([]);
    expect(rig.faults.map((fault) => fault.kind)).toEqual(['unexpected_message']);
    listener.close();
    await until(() => closed);
  });

  it('is not waited for longer than the deadline of the acknowledgement', async () => {
    const { rig } = await start(
      modern((_seen, response) => void openSse(response)),
      { acknowledgeMs: 60 },
    );
    const connection = await rig.connect();
    const listening = connection.listen(
      '{}' as RawJson,
      MODERN_CLIENT,
      new AbortController().signal,
    );
    expect(await code(listening)).toBe('GW_UPSTREAM_TIMEOUT');
  });

  it('has a broken listen stream opened again, and missed changes made up for', async () => {
    let streams = 0;
    const { rig } = await start(
      modern((_seen, response) => {
        const send = openSse(response);
        streams++;
        send({
          jsonrpc: '2.0',
          method: 'notifications/subscriptions/acknowledged',
          params: { notifications: { toolsListChanged: true, resourceSubscriptions: ['a:1'] } },
        });
        if (streams === 1) setTimeout(() => response.destroy(), 20);
      }),
    );
    const connection = await rig.connect();
    const notes: string[] = [];
    connection.onNotification((method) => notes.push(method));
    const abort = new AbortController();
    await connection.listen('{"toolsListChanged":true}' as RawJson, MODERN_CLIENT, abort.signal);
    await until(() => notes.length === 2);
    expect(notes).toEqual(['notifications/tools/list_changed', 'notifications/resources/updated']);
    expect(streams).toBe(2);
    abort.abort();
  });
});
