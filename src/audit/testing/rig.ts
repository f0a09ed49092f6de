import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFakeClock, createSeededRandom } from '../../kernel/index.ts';
import type { AuditRecord } from '../model.ts';
import type { AuditFile, AuditFs } from '../ports.ts';
import { type AuditLog, type AuditLogOptions, createAuditLog } from '../write/create-audit-log.ts';
import { nodeFs } from '../write/node-fs.ts';

/** A new directory that is removed with the others by `cleanUp`. */
export function createScratch(): { dir(): Promise<string>; cleanUp(): Promise<void> } {
  const made: string[] = [];
  return {
    async dir() {
      const path = await mkdtemp(join(tmpdir(), 'sallyport-audit-'));
      made.push(path);
      return path;
    },
    async cleanUp() {
      for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
    },
  };
}

export function testRecord(i: number, more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    type: 'decision',
    time: 1_800_000_000_000 + i,
    actor: { agent: 'bot', agentId: 'agt_1', owner: 'ada@example.com' },
    call: `cal_${i}`,
    server: 'github',
    method: 'tools/call',
    target: `tool_${i % 3}`,
    effect: i % 4 === 0 ? 'deny' : 'allow',
    detail: { i },
    ...more,
  };
}

/** Time stands still, the key and the chain are the same in every run. */
export function openTestLog(
  dir: string,
  options: Partial<AuditLogOptions> = {},
): Promise<AuditLog> {
  return createAuditLog({
    dir,
    clock: createFakeClock(),
    random: createSeededRandom(7),
    checkpointEvery: 10,
    ...options,
  });
}

/** The files of a log, to be changed and written elsewhere. */
export type LogFiles = Map<string, Buffer>;

export async function readLog(dir: string): Promise<LogFiles> {
  const names = (await readdir(dir)).filter((name) => /\.seg$|^head\.json$/.test(name)).sort();
  const files: LogFiles = new Map();
  for (const name of names) files.set(name, await readFile(join(dir, name)));
  return files;
}

export async function writeLog(dir: string, files: LogFiles): Promise<void> {
  for (const [name, bytes] of files) await writeFile(join(dir, name), bytes);
}

export const segmentsOf = (files: LogFiles): string[] =>
  [...files.keys()].filter((name) => name.endsWith('.seg'));

/** The lines of a segment with their line ends. */
export function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start) + 1;
    lines.push(bytes.subarray(start, end === 0 ? bytes.length : end));
    start = end === 0 ? bytes.length : end;
  }
  return lines;
}

export interface Faults {
  /** Called before each operation; what it throws is what the disk says. */
  before(operation: 'open' | 'write' | 'datasync' | 'replace' | 'syncDirectory'): void;
  /** How many of the given bytes a write takes. */
  take?(length: number): number;
}

/** The real file system with faults and counts. */
export function faultyFs(faults: Faults): AuditFs {
  return {
    async openAppend(path, isNew): Promise<AuditFile> {
      faults.before('open');
      const file = await nodeFs.openAppend(path, isNew);
      return {
        async write(bytes) {
          faults.before('write');
          const length = faults.take?.(bytes.length) ?? bytes.length;
          return length === 0 ? 0 : await file.write(bytes.subarray(0, length));
        },
        async datasync() {
          faults.before('datasync');
          await file.datasync();
        },
        close: () => file.close(),
      };
    },
    async syncDirectory(path) {
      faults.before('syncDirectory');
      await nodeFs.syncDirectory(path);
    },
    async replaceFile(path, bytes) {
      faults.before('replace');
      await nodeFs.replaceFile(path, bytes);
    },
  };
}

export function diskError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
