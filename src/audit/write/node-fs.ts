import { close, constants, fdatasync, open, write } from 'node:fs';
import { open as openHandle, rename } from 'node:fs/promises';
import type { AuditFile, AuditFs } from '../ports.ts';

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;
const CREATE = constants.O_CREAT | constants.O_EXCL;

/**
 * Linux makes a write durable by itself when the file was opened so (open(2): as if each write was followed by
 * fdatasync), which saves a batch one of its two trips to another thread. What an earlier process left in the file is made
 * durable by `recover`. Elsewhere the flag is absent or, as on macOS,
 * promises less than the call.
 */
const SYNCED_WRITES = process.platform === 'linux' ? constants.O_DSYNC : 0;

/**
 * The real file system. The callback functions run on the same threads as `FileHandle` and leave the
 * event loop as free, at a third of the work on it per call.
 */
export const nodeFs: AuditFs = {
  openAppend: (path, isNew) =>
    new Promise((resolve, reject) => {
      open(path, APPEND | SYNCED_WRITES | (isNew ? CREATE : 0), 0o600, (error, fd) => {
        if (error === null) resolve(fileOf(fd));
        else reject(error);
      });
    }),

  async syncDirectory(path) {
    // Windows has no such call and does not need one.
    if (process.platform === 'win32') return;
    const handle = await openHandle(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },

  async replaceFile(path, bytes) {
    // The writer of a directory is alone, so a fixed name can't collide; a leftover is overwritten.
    const draft = `${path}.new`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const handle = await openHandle(draft, flags, 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  },
};

function fileOf(fd: number): AuditFile {
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        write(fd, bytes, 0, bytes.length, null, (error, written) => {
          if (error === null) resolve(written);
          else reject(error);
        });
      }),
    datasync: () => {
      if (SYNCED_WRITES !== 0) return Promise.resolve();
      return new Promise((resolve, reject) => {
        fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
      });
    },
    close: () =>
      new Promise((resolve, reject) => {
        close(fd, (error) => (error ? reject(error) : resolve()));
      }),
  };
}
