import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startGateway } from '../fixtures/start-gateway.ts';
import { NODE, type Program, startProgram } from '../fixtures/start-program.ts';
import { residentMb } from './gateway/cpu-time.ts';
import type { LoadTarget } from './gateway/load.ts';
import { measure, type Plan, type Sample } from './gateway/measure.ts';
import { LOAD_CORE, MEASURED_CORE, pinned } from './gateway/pin.ts';
import { type PeerName, startPeer } from './gateway/start-peer.ts';
import type { Bench } from './model.ts';

const FULL: Plan = {
  warm: { concurrency: 16, calls: 20_000, seconds: 12 },
  windows: [
    { concurrency: 1, calls: 1_000, seconds: 1 },
    { concurrency: 16, calls: 5_000, seconds: 1.5 },
    { concurrency: 64, calls: 4_000, seconds: 1.5 },
  ],
};
const QUICK: Plan = {
  warm: { concurrency: 16, calls: 5_000, seconds: 1 },
  windows: [
    { concurrency: 1, calls: 300, seconds: 0.2 },
    { concurrency: 16, calls: 2_000, seconds: 0.4 },
  ],
};
const PEERS: readonly PeerName[] = ['mcp-proxy', 'supergateway'];

const file = (name: string): string => fileURLToPath(new URL(`./gateway/${name}`, import.meta.url));

function start(core: number, name: string, ...args: string[]): Promise<Program<{ url: string }>> {
  const [command, all] = pinned(core, NODE, [file(name), ...args]);
  return startProgram(command, all);
}

/**
 * One echo call through Sallyport, next to what it is compared with, in one run on the same machine: no hop, the least
 * a hop can do, published bridges, and a gateway made with the official SDK. Latency at one call at a time, throughput
 * and CPU per call at 16 and 64, with the CPU of child processes. Audit is on and durable; the token is the agent's, checked on every call.
 */
export const run: Bench = async (report, say, options) => {
  const plan = options.quick ? QUICK : FULL;
  const busy = (loadavg()[0] ?? 0) / availableParallelism();
  report({ name: 'work per core that others had at the start', value: busy, unit: 'processes' });
  if (busy > 0.3) say('the machine is busy: ratios still compare, absolute numbers are too high');
  const samples = new Map<string, Sample[]>();
  const closing: (() => Promise<void>)[] = [];
  const take = async (name: string, target: LoadTarget, pid: number): Promise<void> => {
    say(name);
    const taken = await measure(target, pid, plan);
    samples.set(name, taken);
    const figures = (sample: Sample): void => {
      const at = `${name}/c${sample.concurrency}`;
      report({ name: `${at}/p50`, value: sample.p50Ms, unit: 'ms' });
      report({ name: `${at}/p99`, value: sample.p99Ms, unit: 'ms' });
      report({ name: `${at}/throughput`, value: sample.perSecond, unit: 'calls/s' });
      report({ name: `${at}/cpu`, value: sample.cpuUs, unit: 'µs/call' });
    };
    for (const sample of taken) figures(sample);
    report({ name: `${name}/memory`, value: residentMb(pid), unit: 'MB' });
  };
  const hop = async (name: string, program: string, ...args: string[]): Promise<void> => {
    const hopProgram = await start(MEASURED_CORE, program, ...args);
    try {
      await take(name, { url: hopProgram.ready.url, era: 'modern' }, hopProgram.pid);
    } finally {
      await hopProgram.close();
    }
  };

  try {
    const backend = await start(LOAD_CORE, 'raw-backend.ts');
    closing.push(backend.close);
    const old = await start(LOAD_CORE, 'raw-backend.ts', 'legacy');
    closing.push(old.close);
    const upstream = backend.ready.url;

    await take('direct', { url: upstream, era: 'modern' }, backend.pid);
    await hop('bare-proxy', 'bare-hop.ts', upstream);
    await hop('chain-proxy', 'bare-hop.ts', upstream, 'chain');

    const [taskset, under] = pinned(MEASURED_CORE, '', []);
    const gateway = await startGateway({
      agents: ['bench'],
      servers: {
        modern: { url: upstream, allowPrivate: true },
        legacy: { url: old.ready.url, allowPrivate: true },
        stdio: { command: NODE, args: [file('raw-stdio.ts')] },
      },
      under: taskset === '' ? [] : [taskset, ...under.filter((word) => word !== '')],
    });
    const token = gateway.tokenFor();
    const through = (server: string, era: LoadTarget['era']): LoadTarget => ({
      url: gateway.serverUrl(server),
      era,
      token,
    });
    try {
      await take('sallyport', through('modern', 'modern'), gateway.pid);
      await take('sallyport-stateful', through('legacy', 'legacy'), gateway.pid);
      if (!options.quick) {
        await take('sallyport-translating', through('modern', 'legacy'), gateway.pid);
      }
      await take('sallyport-stdio', through('stdio', 'modern'), gateway.pid);
    } finally {
      await gateway.close();
    }

    await hop('sdk-gateway', 'sdk-gateway.ts', upstream);
    for (const name of options.quick ? [] : PEERS) {
      const peer = await startPeer(name);
      try {
        await take(name, { url: peer.url, era: 'legacy' }, peer.pid);
      } finally {
        await peer.close();
      }
    }
  } finally {
    for (const close of closing) await close();
  }

  const at = (name: string, concurrency: number): Sample => {
    const found = samples.get(name)?.find((sample) => sample.concurrency === concurrency);
    if (!found) throw new Error(`${name} was not measured at ${concurrency}`);
    return found;
  };
  const added = at('sallyport', 1).p50Ms - at('direct', 1).p50Ms;
  report({
    name: 'added latency p50, c1',
    value: added,
    unit: 'ms',
    bar: '<= 1',
    holds: added <= 1,
  });
  const addedTail = at('sallyport', 1).p99Ms - at('direct', 1).p99Ms;
  report({ name: 'added latency p99, c1', value: addedTail, unit: 'ms' });
  const own = at('sallyport', 16).cpuUs;
  report({ name: 'CPU per call, c16', value: own, unit: 'µs', bar: '<= 150', holds: own <= 150 });
  const ratio = own / at('chain-proxy', 16).cpuUs;
  report({
    name: 'CPU against the parsing, chaining proxy, c16',
    value: ratio,
    unit: 'times',
    bar: '<= 2',
    holds: ratio <= 2,
  });
  const sdk = at('sdk-gateway', 16).cpuUs / own;
  report({
    name: 'SDK gateway CPU against ours, c16',
    value: sdk,
    unit: 'times',
    bar: '>= 8',
    holds: sdk >= 8,
  });
  for (const name of options.quick ? [] : PEERS) {
    const peer = at(name, 16).cpuUs / at('sallyport-stdio', 16).cpuUs;
    report({ name: `${name} CPU against ours over stdio, c16`, value: peer, unit: 'times' });
  }
};
