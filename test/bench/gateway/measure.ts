import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { NODE } from '../../fixtures/start-program.ts';
import { cpuTimeMs } from './cpu-time.ts';
import type { LoadOrder, LoadReport, LoadTarget } from './load.ts';
import { LOAD_CORE, pinned } from './pin.ts';

const LOAD = fileURLToPath(new URL('./load.ts', import.meta.url));

export interface Sample extends LoadReport {
  concurrency: number;
  /** CPU of the measured process tree per call, in microseconds. */
  cpuUs: number;
}

export interface Plan {
  warm: LoadOrder;
  /** Each is measured three times; the one with the median CPU counts. */
  windows: readonly LoadOrder[];
}

const REPEATS = 3;

/** Warms a target up, then measures it in each window. `pid` is the process whose CPU (with children) counts. */
export async function measure(target: LoadTarget, pid: number, plan: Plan): Promise<Sample[]> {
  const [command, args] = pinned(LOAD_CORE, NODE, [LOAD, JSON.stringify(target)]);
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done) throw new Error(`the load for ${target.url} ended early`);
    return JSON.parse(line.value);
  };
  const ask = async (order: LoadOrder): Promise<LoadReport> => {
    child.stdin.write(`${JSON.stringify(order)}\n`);
    return (await next()) as LoadReport;
  };
  const take = async (order: LoadOrder): Promise<Sample> => {
    const before = cpuTimeMs(pid);
    const report = await ask(order);
    const cpuUs = ((cpuTimeMs(pid) - before) * 1_000) / Math.max(1, report.calls);
    if (report.errors > 0) {
      throw new Error(`${report.errors} of ${report.calls} calls failed: ${report.firstError}`);
    }
    return { ...report, concurrency: order.concurrency, cpuUs };
  };
  try {
    await next();
    await ask(plan.warm);
    const samples: Sample[] = [];
    for (const order of plan.windows) {
      const repeats: Sample[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat++) repeats.push(await take(order));
      repeats.sort((a, b) => a.cpuUs - b.cpuUs);
      samples.push(repeats[Math.floor(REPEATS / 2)]!);
    }
    return samples;
  } finally {
    child.kill();
  }
}
