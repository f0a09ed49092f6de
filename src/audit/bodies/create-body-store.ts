import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, type Clock, MIB, type Random, sha256Hex } from '../../kernel/index.ts';

export interface BodyStoreOptions {
  /** A directory of its own, made with mode 0700 when the first body is kept. */
  readonly dir: string;
  /** `none` keeps digests only; `full` keeps what was sent and answered. */
  readonly bodies: 'none' | 'full';
  readonly clock: Clock;
  readonly random: Random;
  /** Largest body that is kept, in bytes; 1 MiB by default. */
  readonly maxBytes?: number;
}

export interface StoredBody {
  /** SHA-256, 64 lower-case hex digits; goes into the record whether or not the body is kept. */
  readonly digest: string;
  readonly bytes: number;
  readonly kept: boolean;
}

/**
 * Arguments and results beside the log, by their digest. The chain holds the digests only, so bodies
 * can be dropped, for privacy or room, and the log still verifies. A body is written whole or not at
 * all but is not promised to survive a loss of power: the promise is the digest's.
 */
export interface BodyStore {
  /** Rejects with `AUDIT_BODY_TOO_LARGE` in mode `full`, and with errors of the file system. */
  putBody(body: string | Uint8Array): Promise<StoredBody>;
  /** `undefined` when it was not kept or was dropped; `AUDIT_BODY_DAMAGED` when it was changed. */
  getBody(digest: string): Promise<Uint8Array | undefined>;
  dropBody(digest: string): Promise<boolean>;
  /** Drops what was last put before `time` (ms since the epoch); gives the number dropped. */
  dropBodiesBefore(time: number): Promise<number>;
}

const DIGEST = /^[0-9a-f]{64}$/;

export function createBodyStore(options: BodyStoreOptions): BodyStore {
  const { dir, bodies, clock, random, maxBytes = 1 * MIB } = options;
  const pathOf = (digest: string): string => join(dir, digest.slice(0, 2), digest);

  const keep = async (digest: string, bytes: Uint8Array): Promise<void> => {
    const path = pathOf(digest);
    const draft = `${path}.${Buffer.from(random.bytes(8)).toString('hex')}`;
    await mkdir(join(dir, digest.slice(0, 2)), { recursive: true, mode: 0o700 });
    const file = await open(draft, 'wx', 0o600);
    try {
      try {
        await file.writeFile(bytes);
        const now = clock.now() / 1000;
        await file.utimes(now, now);
      } finally {
        await file.close();
      }
      // Also when it exists already: what is dropped by age counts from the last time it was put.
      await rename(draft, path);
    } catch (error) {
      await unlink(draft).catch(() => {});
      throw error;
    }
  };

  const drop = async (path: string): Promise<boolean> => {
    try {
      await unlink(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  };

  return {
    async putBody(body) {
      const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
      const digest = sha256Hex(bytes);
      const kept = bodies === 'full';
      if (kept && bytes.length > maxBytes)
        throw new AppError('AUDIT_BODY_TOO_LARGE', {
          params: { size: bytes.length, limit: maxBytes },
        });
      if (kept) await keep(digest, bytes);
      return { digest, bytes: bytes.length, kept };
    },

    async getBody(digest) {
      if (!DIGEST.test(digest)) return undefined;
      try {
        const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
        const file = await open(pathOf(digest), flags);
        try {
          const facts = await file.stat();
          const sane = facts.isFile() && facts.size <= maxBytes;
          const bytes = sane ? await file.readFile() : undefined;
          if (bytes !== undefined && sha256Hex(bytes) === digest) return bytes;
        } finally {
          await file.close();
        }
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return undefined;
        if (code !== 'ELOOP') throw error;
      }
      throw new AppError('AUDIT_BODY_DAMAGED', { params: { digest } });
    },

    dropBody: (digest) => (DIGEST.test(digest) ? drop(pathOf(digest)) : Promise.resolve(false)),

    async dropBodiesBefore(time) {
      let dropped = 0;
      for (const folder of await namesIn(dir)) {
        for (const name of await namesIn(join(dir, folder))) {
          const path = join(dir, folder, name);
          // Drafts of a crash are dropped by age like everything else.
          const facts = await stat(path).catch(() => undefined);
          if (facts !== undefined && facts.mtimeMs < time && (await drop(path))) dropped += 1;
        }
      }
      return dropped;
    },
  };
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
