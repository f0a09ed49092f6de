import { spawn } from 'node:child_process';
import type { ChildExit, ChildHandle, SpawnSpec } from './ports.ts';

/**
 * Starts a server without a shell, as leader of its own process group, so that a signal reaches what it started too
 * (a package runner and the server behind it). Never throws: a failed start arrives through `onExit`.
 */
export function spawnChild(spec: SpawnSpec): ChildHandle {
  const exitListeners: Array<(exit: ChildExit, startError: Error | undefined) => void> = [];
  let ended: { exit: ChildExit; startError: Error | undefined } | undefined;
  const end = (exit: ChildExit, startError: Error | undefined): void => {
    if (ended) return;
    ended = { exit, startError };
    for (const listener of exitListeners) listener(exit, startError);
  };
  const onExit: ChildHandle['onExit'] = (listener) => {
    if (ended) listener(ended.exit, ended.startError);
    else exitListeners.push(listener);
  };

  let child: ReturnType<typeof start>;
  try {
    child = start(spec);
  } catch (error) {
    // `spawn` throws at once for arguments it can't take (a NUL byte in the command, say).
    queueMicrotask(() => end({ code: null, signal: null }, error as Error));
    return { ...DEAD_CHILD, onExit };
  }
  child.on('error', (error) => {
    if (child.pid === undefined) end({ code: null, signal: null }, error);
  });
  child.on('close', (code, signal) => end({ code, signal }, undefined));
  // A child that closes its end early is no fault of ours; the exit tells the rest.
  child.stdin.on('error', () => {});
  child.stdout.on('error', () => {});
  child.stderr.on('error', () => {});

  const signalGroup = (name: 'SIGTERM' | 'SIGKILL'): void => {
    if (child.pid === undefined) return;
    try {
      if (process.platform === 'win32') child.kill(name);
      else process.kill(-child.pid, name);
    } catch {
      // ESRCH: nobody is left in the group.
    }
  };
  // What the leader leaves behind must not outlive it, nor hold its pipes open.
  child.on('exit', () => signalGroup('SIGKILL'));

  return {
    pid: child.pid,
    write: (text) => child.stdin.writable && child.stdin.write(text),
    unwritten: () => child.stdin.writableLength,
    endInput: () => void child.stdin.end(),
    onOutput: (listener) => void child.stdout.on('data', listener),
    onErrorOutput: (listener) => void child.stderr.on('data', listener),
    onExit,
    signal: signalGroup,
  };
}

function start(spec: SpawnSpec) {
  return spawn(spec.command, [...spec.args], {
    env: { ...spec.env },
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
    shell: false,
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
}

const DEAD_CHILD: Omit<ChildHandle, 'onExit'> = {
  pid: undefined,
  write: () => false,
  unwritten: () => 0,
  endInput: () => {},
  onOutput: () => {},
  onErrorOutput: () => {},
  signal: () => {},
};
