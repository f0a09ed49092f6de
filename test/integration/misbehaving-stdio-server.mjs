// A legacy MCP server over stdio whose tools break the protocol in the way their name says.
import { createInterface } from 'node:readline';

const out = (text) => process.stdout.write(`${text}\n`);
const send = (message) => out(JSON.stringify({ jsonrpc: '2.0', ...message }));
const answer = (id, text) => send({ id, result: { content: [{ type: 'text', text }] } });
const cancelled = [];

const TOOLS = {
  good: (id) => answer(id, 'good'),
  hang: () => {},
  crash: () => process.exit(3),
  cancelled: (id) => answer(id, `cancelled ${cancelled.length}`),
  deep: (id) =>
    out(`{"jsonrpc":"2.0","id":${id},"result":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`),
  duplicate_keys: (id) => out(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"content":[1]}}`),
  bad_utf8: (id) =>
    process.stdout.write(
      Buffer.concat([
        Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"x":"`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}}\n'),
      ]),
    ),
  oversized: (id) => {
    process.stdout.write(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"x":"`);
    for (let i = 0; i < 280; i++) process.stdout.write('x'.repeat(65_536));
    process.stdout.write('"}}\n');
  },
  no_result: (id) => send({ id }),
  noise: (id) => {
    out('a log line on the wrong stream');
    answer(987_654, 'an id that nobody asked for');
    answer(id, 'first answer');
    answer(id, 'second answer');
  },
  flood: (id) => {
    const note =
      '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\n';
    process.stdout.write(note.repeat(30_000), () => answer(id, 'flooded'));
  },
  unsolicited: (id) => {
    send({ id: 'x1', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } });
    send({ id: 'x2', method: 'tools/call', params: { name: 'good' } });
    answer(id, 'asked');
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize') {
    return send({
      id,
      result: {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {}, logging: {} },
        serverInfo: { name: 'misbehaving', version: '1' },
      },
    });
  }
  if (method === 'notifications/cancelled') return cancelled.push(params.requestId);
  if (method === 'tools/list') {
    const tools = Object.keys(TOOLS).map((name) => ({ name, inputSchema: { type: 'object' } }));
    return send({ id, result: { tools } });
  }
  if (method === 'tools/call') return TOOLS[params.name]?.(id);
  if (id !== undefined && method !== undefined)
    send({ id, error: { code: -32601, message: 'unknown method' } });
});
