import { access, constants, open, readFile, rm, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { DoctorLine } from '../../cli/index.ts';
import { MIB } from '../../kernel/index.ts';
import type { DataDirectory } from '../data-directory.ts';

const NODE_MAJOR = 24;
const LEAST_FREE = 512 * MIB;
const LOW_FREE = 2048 * MIB;
/** Nothing of this program is older; a clock before it cannot be right. */
const BUILT = Date.UTC(2026, 0, 1);

export function checkNode(version: string): DoctorLine {
  const ok = Number(version.split('.')[0]) >= NODE_MAJOR;
  return {
    check: 'node',
    status: ok ? 'ok' : 'fail',
    message: `Node ${version}`,
    ...(ok ? {} : { fix: `install Node ${NODE_MAJOR} or newer` }),
  };
}

export function checkClock(now: number): DoctorLine {
  const ok = now > BUILT;
  return {
    check: 'clock',
    status: ok ? 'ok' : 'fail',
    message: `the clock says ${new Date(now).toISOString()}`,
    ...(ok ? {} : { fix: 'set the clock: timedatectl set-ntp true' }),
  };
}

export async function checkDataDirectory(data: DataDirectory): Promise<DoctorLine[]> {
  const check = 'data directory';
  const found = await stat(data.path).catch(() => undefined);
  if (found === undefined)
    return [
      { check, status: 'warn', message: `${data.path} is not there yet`, fix: 'sallyport up' },
    ];
  if (!found.isDirectory())
    return [
      {
        check,
        status: 'fail',
        message: `${data.path} is no directory`,
        fix: `move it away, then: sallyport up`,
      },
    ];
  const lines: DoctorLine[] = [];
  const uid = process.getuid?.();
  if (uid !== undefined && found.uid !== uid)
    lines.push({
      check,
      status: 'fail',
      message: `${data.path} belongs to user ${found.uid}, and this is user ${uid}`,
      fix: `run as that user, or: sudo chown -R ${uid} '${data.path}'`,
    });
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
    lines.push({
      check,
      status: 'fail',
      message: `other users may enter ${data.path} (mode ${(found.mode & 0o777).toString(8)})`,
      fix: `chmod 700 '${data.path}'`,
    });
  if (lines.length === 0) lines.push({ check, status: 'ok', message: data.path });
  lines.push(await checkFsync(data.path), await checkDisk(data.path));
  return lines;
}

/** The record must be durable before anything is forwarded, so a disk that cannot sync is a failure. */
async function checkFsync(directory: string): Promise<DoctorLine> {
  const probe = join(directory, `.doctor-${process.pid}`);
  try {
    await access(directory, constants.W_OK);
    const file = await open(probe, 'wx', 0o600);
    try {
      await file.writeFile('x');
      await file.datasync();
    } finally {
      await file.close();
    }
    return { check: 'disk sync', status: 'ok', message: 'writes reach the disk' };
  } catch (error) {
    return {
      check: 'disk sync',
      status: 'fail',
      message: `a write to ${directory} failed (${(error as NodeJS.ErrnoException).code ?? 'fault'})`,
      fix: 'put the data directory on a local disk that can be written: --data-dir DIR',
    };
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}

async function checkDisk(directory: string): Promise<DoctorLine> {
  const { bavail, bsize } = await statfs(directory);
  const free = Number(bavail) * Number(bsize);
  const status = free < LEAST_FREE ? 'fail' : free < LOW_FREE ? 'warn' : 'ok';
  return {
    check: 'disk space',
    status,
    message: `${Math.floor(free / MIB)} MiB free`,
    ...(status === 'ok'
      ? {}
      : { fix: `free space on the disk of ${directory}: a full disk stops every call` }),
  };
}

export async function checkAdminToken(data: DataDirectory): Promise<DoctorLine> {
  const check = 'admin token';
  const found = await stat(data.adminTokenFile).catch(() => undefined);
  if (found === undefined)
    return { check, status: 'warn', message: 'there is none yet', fix: 'sallyport up' };
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
    return {
      check,
      status: 'fail',
      message: `other users may read ${data.adminTokenFile}`,
      fix: `rm '${data.adminTokenFile}' and restart the gateway: the token may be known to others`,
    };
  return { check, status: 'ok', message: 'only you may read it' };
}

/** Whether each port is free, or held by the gateway that runs here. */
export async function checkPorts(
  wanted: readonly { readonly name: string; readonly host: string; readonly port: number }[],
  runFile: string,
): Promise<DoctorLine[]> {
  const running = await readFile(runFile, 'utf8').catch(() => '');
  const lines: DoctorLine[] = [];
  for (const { name, host, port } of wanted) {
    const check = `${name} port`;
    if (port === 0) lines.push({ check, status: 'ok', message: 'a free one is picked at start' });
    else if (running.includes(`:${port}`))
      lines.push({
        check,
        status: 'ok',
        message: `${host}:${port}, in use by the running gateway`,
      });
    else if (await isFree(host, port))
      lines.push({ check, status: 'ok', message: `${host}:${port} is free` });
    else
      lines.push({
        check,
        status: 'fail',
        message: `another program listens on ${host}:${port}`,
        fix: `sallyport up --${name === 'admin' ? 'admin-port' : 'port'} 0, or set ${name === 'admin' ? 'admin' : 'gateway'}.port`,
      });
  }
  return lines;
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
