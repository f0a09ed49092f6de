// The load: a closed loop of echo calls with unique ids over raw keep-alive sockets. Speaks lines of JSON:
// reads {url, era, token?} from argv, then one order per line of stdin, and answers each on stdout.
import { createInterface } from 'node:readline';
import { openConnection, type RawConnection } from './raw-connection.ts';
import { ECHO_TEXT, LEGACY, MODERN } from './wire.ts';

export interface LoadTarget {
  url: string;
  era: 'modern' | 'legacy';
  token?: string;
}
export interface LoadOrder {
  concurrency: number;
  /** How many calls; slow targets stop earlier, when `seconds` are over. */
  calls: number;
  seconds: number;
}
export interface LoadReport {
  calls: number;
  errors: number;
  /** What the first failed call got. */
  firstError: string;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

const target = JSON.parse(process.argv[2] ?? '{}') as LoadTarget;
const url = new URL(target.url);
const modern = target.era === 'modern';
const FIRST_ID = 1_000_000_000;
let nextId = FIRST_ID;

const meta = modern
  ? `,"_meta":{"io.modelcontextprotocol/protocolVersion":"${MODERN}","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"load","version":"1"}}`
  : '';
const tail = `,"method":"tools/call","params":{"name":"echo","arguments":{"text":"${ECHO_TEXT}"}${meta}}}`;

function headFor(length: number, session: string | undefined): string {
  const lines = [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    'content-type: application/json',
    'accept: application/json, text/event-stream',
    `content-length: ${length}`,
    `mcp-protocol-version: ${modern ? MODERN : LEGACY}`,
    ...(target.token === undefined ? [] : [`authorization: Bearer ${target.token}`]),
    ...(modern ? ['mcp-method: tools/call', 'mcp-name: echo'] : []),
    ...(session === undefined ? [] : [`mcp-session-id: ${session}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function openSession(): Promise<string | undefined> {
  const post = async (body: unknown, session?: string): Promise<Response> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
        ...(session === undefined ? {} : { 'mcp-session-id': session }),
      },
      body: JSON.stringify(body),
    });
    await response.text();
    return response;
  };
  const params = {
    protocolVersion: LEGACY,
    capabilities: {},
    clientInfo: { name: 'load', version: '1' },
  };
  const opened = await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  const session = opened.headers.get('mcp-session-id') ?? undefined;
  await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, session);
  return session;
}

const session = modern ? undefined : await openSession();
const prefix = '{"jsonrpc":"2.0","id":';
const head = headFor(prefix.length + String(FIRST_ID).length + tail.length, session);
const connections: RawConnection[] = [];

async function run(order: LoadOrder): Promise<LoadReport> {
  while (connections.length < order.concurrency) connections.push(openConnection(Number(url.port)));
  const times: number[] = [];
  let left = order.calls;
  let errors = 0;
  let firstError = '';
  const start = performance.now();
  const end = start + order.seconds * 1_000;
  const loop = async (connection: RawConnection): Promise<void> => {
    while (left-- > 0 && performance.now() < end) {
      const id = String(nextId++);
      const sent = performance.now();
      const response = await connection
        .exchange(head + prefix + id + tail)
        .catch((error: unknown) => String(error));
      times.push(performance.now() - sent);
      // A refusal must not look like a fast answer.
      if (response.includes(id) && response.includes(ECHO_TEXT) && !response.includes('"isError"'))
        continue;
      errors++;
      firstError ||= response.slice(-400);
      if (errors > 100) return;
    }
  };
  await Promise.all(connections.slice(0, order.concurrency).map(loop));
  const seconds = (performance.now() - start) / 1_000;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0;
  return {
    calls: times.length,
    errors,
    firstError,
    perSecond: times.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as LoadOrder))}\n`);
}
for (const connection of connections) connection.close();
