// A legacy stdio server whose tools tell its process id, or end the process in the middle of the call.
import { createInterface } from 'node:readline';

const send = (message) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const tool = (name) => ({ name, inputSchema: { type: 'object' } });
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'initialize') {
    return send({
      id,
      result: {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'killable', version: '1' },
      },
    });
  }
  if (method === 'tools/list') return send({ id, result: { tools: [tool('pid'), tool('die')] } });
  if (method === 'tools/call' && params.name === 'die') process.kill(process.pid, 'SIGKILL');
  if (method === 'tools/call') {
    return send({ id, result: { content: [{ type: 'text', text: `pid ${process.pid}` }] } });
  }
  send({ id, error: { code: -32601, message: 'unknown method' } });
});
