import { spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NODE } from '../../fixtures/start-program.ts';
import { MEASURED_CORE, pinned } from './pin.ts';

const BIN = fileURLToPath(new URL('../../../node_modules/.bin/', import.meta.url));
const RAW_STDIO = fileURLToPath(new URL('./raw-stdio.ts', import.meta.url));

export interface Peer {
  url: string;
  pid: number;
  close(): Promise<void>;
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

const answers = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });

/** Arguments that make a published bridge serve the raw stdio backend over Streamable HTTP, as its manual says. */
const PEERS = {
  'mcp-proxy': (port: number) => [
    ...['--port', String(port), '--host', '127.0.0.1', '--server', 'stream', '--no-eventStore'],
    ...['--', NODE, RAW_STDIO],
  ],
  supergateway: (port: number) => [
    ...['--stdio', `${NODE} ${RAW_STDIO}`, '--outputTransport', 'streamableHttp', '--stateful'],
    ...['--port', String(port), '--logLevel', 'none'],
  ],
};
export type PeerName = keyof typeof PEERS;

/** Starts a peer product. Its child counts as its own: that is how it is used. */
export async function startPeer(name: PeerName): Promise<Peer> {
  const port = await freePort();
  const [command, args] = pinned(MEASURED_CORE, NODE, [`${BIN}${name}`, ...PEERS[name](port)]);
  const child = spawn(command, args, { stdio: 'ignore' });
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  const orphan = (): void => void child.kill('SIGKILL');
  process.once('exit', orphan);
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), 3_000);
    await gone;
    clearTimeout(insist);
    process.off('exit', orphan);
  };
  for (let tries = 0; tries < 150 && child.exitCode === null; tries++) {
    if (await answers(port)) {
      return { url: `http://127.0.0.1:${port}/mcp`, pid: child.pid ?? 0, close };
    }
    await sleep(100);
  }
  await close();
  throw new Error(`${name} did not start`);
}
