import { createCipheriv, createDecipheriv } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, type Random } from '../../kernel/index.ts';
import { readKeyFile, writeKeyFile } from '../keys/key-file.ts';
import type { ConnectionStore } from './model.ts';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

/**
 * Connections to servers in a directory: one file each, AES-256-GCM under a key of its own file (both 0600, written
 * whole or not at all). The name of the server is authenticated, so a file does not open under another's name. A file
 * that does not open counts as absent: the person logs in again. Errors: `IDENTITY_KEY_FILE`.
 */
export async function openSealedStore(directory: string, random: Random): Promise<ConnectionStore> {
  const keyPath = join(directory, 'key');
  await writeKeyFile(keyPath, Buffer.from(random.bytes(32)).toString('base64url'), random, {
    onlyIfAbsent: true,
  });
  const key = Buffer.from((await readKeyFile(keyPath)) ?? '', 'base64url');
  if (key.length !== 32)
    throw new AppError('IDENTITY_KEY_FILE', {
      params: { file: 'key', problem: 'it does not hold a key of 32 bytes' },
    });
  const path = (server: string): string => {
    if (!NAME.test(server)) throw new RangeError('not the name of a server');
    return join(directory, `${server}.sealed`);
  };
  const bound = (server: string): Buffer => Buffer.from(`sallyport-upstream-1\n${server}`);

  return {
    async read(server) {
      const text = await readKeyFile(path(server));
      if (text === undefined) return undefined;
      const body = Buffer.from(text, 'base64url');
      if (body.length < IV_BYTES + TAG_BYTES) return undefined;
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, IV_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(bound(server));
        decipher.setAuthTag(body.subarray(-TAG_BYTES));
        const plain = Buffer.concat([
          decipher.update(body.subarray(IV_BYTES, -TAG_BYTES)),
          decipher.final(),
        ]);
        return JSON.parse(plain.toString('utf8')) as unknown;
      } catch {
        return undefined;
      }
    },
    async write(server, value) {
      const iv = random.bytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(bound(server));
      const body = Buffer.concat([
        iv,
        cipher.update(JSON.stringify(value), 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      await writeKeyFile(path(server), body.toString('base64url'), random);
    },
    async remove(server) {
      await unlink(path(server)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    },
  };
}
