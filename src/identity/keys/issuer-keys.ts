import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { join } from 'node:path';
import { AppError, type Clock, type Random } from '../../kernel/index.ts';
import type { Actor, PublicJwk } from '../model.ts';
import type { RecordChange } from '../record-change.ts';
import { readPublicJwk } from './jwk.ts';
import { readKeyFile, writeKeyFile } from './key-file.ts';

export const ISSUER_KEY_FILE = 'issuer-keys.json';

interface PrivateJwk extends PublicJwk {
  readonly d: string;
}

interface StoredKeys {
  readonly current: PrivateJwk;
  readonly previous?: PublicJwk;
}

interface LoadedKey {
  readonly kid: string;
  readonly jwk: PublicJwk;
  readonly publicKey: KeyObject;
}

export interface IssuerKeys {
  /** Key to sign with now (ES256). */
  signer(): { readonly kid: string; readonly key: KeyObject };
  /** Public key by `kid` (RFC 7638 thumbprint): the current and the previous one. */
  find(kid: string): KeyObject | undefined;
  /** RFC 7517 key set with public members only. */
  jwks(): { readonly keys: readonly Readonly<Record<string, string>>[] };
  /**
   * A new current key; the one before stays valid for what it signed until the next rotation, so
   * rotate at most once per token life. Durable before it signs.
   */
  rotate(by: Actor): Promise<void>;
}

export interface IssuerKeysDeps {
  readonly directory: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly record: RecordChange;
}

/**
 * Loads the issuer's ES256 key or makes one on first start. Two processes that start at once end up
 * with the same key.
 * @throws AppError `IDENTITY_KEY_FILE` when the file is damaged or open to other users.
 */
export async function createIssuerKeys(deps: IssuerKeysDeps): Promise<IssuerKeys> {
  const path = join(deps.directory, ISSUER_KEY_FILE);
  if ((await readKeyFile(path)) === undefined)
    await writeKeyFile(path, serialise({ current: generate() }), deps.random, {
      onlyIfAbsent: true,
    });
  let stored = parse((await readKeyFile(path)) ?? '');
  let signing = createPrivateKey({ key: { ...stored.current }, format: 'jwk' });
  let keys = load(stored);

  return {
    signer: () => ({ kid: keys[0].kid, key: signing }),
    find: (kid) => keys.find((key) => key.kid === kid)?.publicKey,
    jwks: () => ({
      keys: keys.map(({ kid, jwk }) => ({ ...jwk, kid, alg: 'ES256', use: 'sig' })),
    }),
    async rotate(by) {
      const current = generate();
      const { kty, crv, x, y } = stored.current;
      const next: StoredKeys = {
        current,
        previous: { kty, crv, x, ...(y === undefined ? {} : { y }) },
      };
      const loaded = load(next);
      await deps.record(
        {
          action: 'issuer_key.rotate',
          target: loaded[0].kid,
          detail: { previous: keys[0].kid },
          actor: by,
          at: deps.clock.now(),
        },
        'widening',
        async () => {
          await writeKeyFile(path, serialise(next), deps.random);
          stored = next;
          signing = createPrivateKey({ key: { ...current }, format: 'jwk' });
          keys = loaded;
        },
      );
    },
  };
}

function generate(): PrivateJwk {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'jwk' }) as unknown as PrivateJwk;
}

function load(stored: StoredKeys): readonly [LoadedKey, ...LoadedKey[]] {
  const { kty, crv, x, y } = stored.current;
  const current = loadOne({ kty, crv, x, y });
  return stored.previous === undefined ? [current] : [current, loadOne(stored.previous)];
}

function loadOne(jwk: unknown): LoadedKey {
  const key = readPublicJwk(jwk);
  if (key === undefined || key.algorithm !== 'ES256') throw damaged();
  try {
    return {
      kid: key.thumbprint,
      jwk: key.jwk,
      publicKey: createPublicKey({ key: { ...key.jwk }, format: 'jwk' }),
    };
  } catch {
    throw damaged();
  }
}

function parse(text: string): StoredKeys {
  try {
    const stored = JSON.parse(text) as StoredKeys;
    const key = createPrivateKey({ key: { ...stored.current }, format: 'jwk' });
    // The stored public half must be the one of the private half, or nothing we sign would verify.
    const { x, y } = createPublicKey(key).export({ format: 'jwk' });
    if (x === stored.current.x && y === stored.current.y) return stored;
  } catch {
    // The one fault below; the parser's message could quote the key.
  }
  throw damaged();
}

function serialise(stored: StoredKeys): string {
  return `${JSON.stringify(stored)}\n`;
}

function damaged(): AppError {
  return new AppError('IDENTITY_KEY_FILE', {
    params: { file: ISSUER_KEY_FILE, problem: 'its content is damaged' },
  });
}
