import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeadSigner } from './ports.ts';

export const PRIVATE_KEY_FILE = 'audit-key.pem';
export const PUBLIC_KEY_FILE = 'audit-key.pub.pem';

const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);

/** The Ed25519 key that signs heads: read from `dir`, or made there on first use (private part mode 0600). */
export async function openSigningKey(
  dir: string,
): Promise<HeadSigner & { readonly publicKeyPem: string }> {
  let pem: string;
  try {
    pem = await readFile(join(dir, PRIVATE_KEY_FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const pair = generateKeyPairSync('ed25519');
    pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await writeFile(join(dir, PRIVATE_KEY_FILE), pem, { mode: 0o600, flag: 'wx' });
  }
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await writeFile(join(dir, PUBLIC_KEY_FILE), publicKeyPem, { mode: 0o644 });
  return { keyId: keyIdOf(publicKey), publicKeyPem, sign: (data) => sign(null, data, privateKey) };
}
