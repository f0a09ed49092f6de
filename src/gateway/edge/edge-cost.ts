/**
 * CPU per request of the edge in front of a core that answers at once, against a bare `node:http` echo in the same run.
 * Usage: node src/gateway/edge/edge-cost.ts [seconds per round] [rounds]
 * Server and load are separate processes; only the server's CPU counts.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { systemClock } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';
import {
  createFakeCore,
  INITIALIZE,
  modern,
  modernHeaders,
  POST_HEADERS,
  rpc,
  send,
  startEdge,
} from './test-edge.ts';

const RESULT = '{"content":[{"type":"text","text":"0123456789abcdef"}]}' as RawJson;
const MODES = ['bare', 'modern', 'legacy'] as const;
type Mode = (typeof MODES)[number];

async function serve(mode: Mode): Promise<number> {
  if (mode === 'bare') {
    const server = createServer((req, res) => {
      const parts: Buffer[] = [];
      req.on('data', (chunk: Buffer) => parts.push(chunk));
      req.on('end', () => {
        const message = JSON.parse(Buffer.concat(parts).toString()) as { id: number };
        const body = `{"jsonrpc":"2.0","id":${message.id},"result":${RESULT}}`;
        res
          .writeHead(200, {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          })
          .end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }
  const core = createFakeCore();
  const reply = { kind: 'result' as const, result: RESULT };
  core.handle = async () => reply;
  // The fake core of the tests remembers every credential; a benchmark must not.
  core.admit = (credential) => core.verdict(credential);
  const edge = await startEdge({ core, clock: { ...systemClock, advance() {}, pending: () => 0 } });
  return edge.port;
}

/** Sixteen connections, one request at a time on each, as raw bytes: the load generator stays cheap. */
function load(
  port: number,
  head: string,
  body: (id: number) => string,
  ms: number,
): Promise<number> {
  const until = performance.now() + ms;
  let done = 0;
  let id = 1_000_000;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      const next = (): void => {
        if (performance.now() >= until) {
          socket.end();
          return;
        }
        const text = body(++id);
        socket.write(`${head}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
      };
      socket.setNoDelay(true);
      socket.on('connect', next);
      socket.on('data', (chunk) => {
        if (!chunk.includes('HTTP/1.1 200')) reject(new Error(chunk.toString()));
        done++;
        next();
      });
      socket.on('close', () => resolve());
      socket.on('error', reject);
    });
  return Promise.all(Array.from({ length: 16 }, one)).then(() => done);
}

interface Subject {
  readonly mode: Mode;
  readonly samples: number[];
  /** CPU microseconds per request of one round. */
  run(ms: number): Promise<number>;
  stop(): void;
}

async function subject(mode: Mode): Promise<Subject> {
  const child = fork(process.argv[1] ?? '', ['serve', mode], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = (message: string): Promise<number> =>
    new Promise((resolve) => {
      child.once('message', (value) => resolve(Number(value)));
      child.send(message);
    });
  const port = await ask('port');
  let headers: Record<string, string> = modernHeaders('tools/call', 'echo');
  const params = { name: 'echo', arguments: { text: '0123456789abcdef' } };
  let body = (id: number): string => modern('tools/call', params, id);
  if (mode === 'legacy') {
    const opened = await send(port, { body: INITIALIZE('2025-11-25') });
    const id = String(opened.headers['mcp-session-id']);
    headers = { ...POST_HEADERS, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
    body = (n) => rpc('tools/call', params, n);
  }
  const lines = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const head = `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines}`;
  return {
    mode,
    samples: [],
    async run(ms) {
      const before = await ask('cpu');
      const count = await load(port, head, body, ms);
      return ((await ask('cpu')) - before) / count;
    },
    stop: () => void child.kill(),
  };
}

if (process.argv[2] === 'serve') {
  const port = serve(process.argv[3] as Mode);
  process.on('message', async (message) => {
    if (message === 'port') process.send?.(await port);
    else {
      const { user, system } = process.cpuUsage();
      process.send?.(user + system);
    }
  });
} else {
  const ms = Number(process.argv[2] ?? 1) * 1000;
  const rounds = Number(process.argv[3] ?? 8);
  const subjects = await Promise.all(MODES.map(subject));
  for (const one of subjects) await one.run(2 * ms);
  // Taking turns: whatever else the machine does hits all subjects alike.
  for (let round = 0; round < rounds; round++)
    for (const one of subjects) one.samples.push(await one.run(ms));
  for (const { mode, samples, stop } of subjects) {
    samples.sort((a, b) => a - b);
    const median = samples[Math.floor(samples.length / 2)] ?? 0;
    console.log(
      `${mode.padEnd(7)} CPU per request: best ${samples[0]?.toFixed(1)} µs, median ${median.toFixed(1)} µs`,
    );
    stop();
  }
}
