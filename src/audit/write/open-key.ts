import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError, isAppError, type Random } from '../../kernel/index.ts';
import { type AuditSigner, keyIdOf } from '../format/statements.ts';

export const PRIVATE_KEY_FILE = 'audit-key.pem';
export const PUBLIC_KEY_FILE = 'audit-key.pub.pem';

/** A signer and its public key as SPKI PEM, to be kept where the writer of the log cannot reach it. */
export interface AuditKey extends AuditSigner {
  readonly publicKeyPem: string;
}

/** PKCS #8 of an Ed25519 seed (RFC 8410 section 7) is this, followed by the 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const MAX_KEY_BYTES = 4096;

/**
 * The Ed25519 key that signs a log, from `<dir>/audit-key.pem` (PKCS #8, mode 0600); made when there
 * is none. The file appears whole or not at all, and of two starters at once both get the same key.
 * The public half is written beside it as `audit-key.pub.pem`.
 *
 * @throws AppError `AUDIT_KEY_FILE` for a link, another kind of key, or a file that others may read.
 */
export async function openSigningKey(
  dir: string,
  random: Random = { bytes: (size) => randomBytes(size) },
): Promise<AuditKey> {
  const path = join(dir, PRIVATE_KEY_FILE);
  try {
    let key = await readKey(path);
    if (key === undefined) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await createKey(path, random);
      key = await readKey(path);
    }
    if (key === undefined) throw fault(path, 'it vanished');
    const made = auditKeyOf(key);
    await writeFile(join(dir, PUBLIC_KEY_FILE), made.publicKeyPem, { mode: 0o644 });
    return made;
  } catch (error) {
    if (isAppError(error)) throw error;
    throw fault(path, (error as NodeJS.ErrnoException).code ?? 'it cannot be read', error);
  }
}

async function readKey(path: string): Promise<KeyObject | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw code === 'ELOOP' ? fault(path, 'it is a symbolic link') : error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > MAX_KEY_BYTES) throw fault(path, 'it is not a key file');
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0)
      throw fault(path, 'other users may read it');
    return parsePem(path, await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

function parsePem(path: string, text: string): KeyObject {
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // The parser's message could quote the file.
  }
  throw fault(path, 'it is not an Ed25519 key in PEM form');
}

async function createKey(path: string, random: Random): Promise<void> {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, random.bytes(32)]),
    format: 'der',
    type: 'pkcs8',
  });
  const draft = `${path}.${Buffer.from(random.bytes(8)).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(key.export({ format: 'pem', type: 'pkcs8' }));
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // Unlike rename, link fails on an existing name: the first of two starters wins.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
}

function auditKeyOf(key: KeyObject): AuditKey {
  const open = createPublicKey(key);
  const publicKey = open.export({ format: 'jwk' }).x ?? '';
  return {
    keyId: keyIdOf(publicKey),
    publicKey,
    publicKeyPem: open.export({ format: 'pem', type: 'spki' }).toString(),
    sign: (bytes) => sign(null, bytes, key),
  };
}

function fault(path: string, problem: string, cause?: unknown): AppError {
  return new AppError('AUDIT_KEY_FILE', {
    params: { file: basename(path), problem },
    ...(cause === undefined ? {} : { cause }),
  });
}
