import { close, fdatasync, open as openCallback, write } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { AppendFile, AuditFs } from './ports.ts';

const openFd = promisify(openCallback);
const closeFd = promisify(close);

/** Callbacks on a plain descriptor: the promise API costs a multiple of the write itself. */
function appendFile(fd: number, start: number): AppendFile {
  let position = start;
  return {
    write(data, done) {
      let written = 0;
      const next = (): void => {
        write(fd, data, written, data.length - written, position, (error, count) => {
          if (error !== null) return done(error);
          // A short write is not an error of write(2); the rest follows.
          written += count;
          position += count;
          if (written >= data.length) return done(null);
          if (count === 0) return done(new Error('the file system took no bytes'));
          next();
        });
      };
      next();
    },
    datasync: (done) => fdatasync(fd, done),
    close: () => closeFd(fd),
  };
}

export const nodeFs: AuditFs = {
  async create(path) {
    const fd = await openFd(path, 'wx', 0o600);
    // Without this the file itself can be gone after a power loss, however well its data was synced.
    const directory = await open(dirname(path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    return appendFile(fd, 0);
  },
  async openAt(path, size) {
    return appendFile(await openFd(path, 'r+', 0o600), size);
  },
};
