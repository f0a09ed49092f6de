import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts process time in hundredths of a second for programs (USER_HZ). */
const TICK_MS = 10;

function statOf(pid: number): { parent: number; ticks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command may contain blanks and parentheses; fields are counted after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

/** CPU time in milliseconds, user and system, of a process and all that descend from it. Linux only. */
export function cpuTimeMs(root: number): number {
  const all = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(Number(name));
    if (stat) all.set(Number(name), stat);
  }
  const ours = (pid: number): boolean => {
    for (let at = pid, steps = 0; at > 1 && steps < 32; steps++) {
      if (at === root) return true;
      at = all.get(at)?.parent ?? 0;
    }
    return false;
  };
  let ticks = 0;
  for (const [pid, stat] of all) if (ours(pid)) ticks += stat.ticks;
  return ticks * TICK_MS;
}

/** Resident memory in MB of a process alone. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}
