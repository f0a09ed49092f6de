import { readFile } from 'node:fs/promises';
import { readSigningKey, type UpstreamAuth } from '../../identity/index.ts';
import { AppError, resolveSecret, type SecretRef } from '../../kernel/index.ts';
import type { Config, ServerEntry } from './sections.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * How the gateway is authorized at each remote server that doesn't get a configured `Authorization` header. Errors:
 * `CONFIG_INVALID`, `CONFIG_SECRET_UNRESOLVED`. `documentUrl` is where the gateway publishes its client id metadata
 * document; undefined when its address is not https.
 */
export async function resolveUpstreamAuth(
  config: Config,
  env: Env,
  documentUrl: string | undefined,
): Promise<ReadonlyMap<string, UpstreamAuth>> {
  const out = new Map<string, UpstreamAuth>();
  for (const [name, entry] of Object.entries(config.servers)) {
    const auth = await one(name, entry, env, documentUrl);
    if (auth !== undefined) out.set(name, auth);
  }
  return out;
}

async function one(
  name: string,
  entry: ServerEntry,
  env: Env,
  documentUrl: string | undefined,
): Promise<UpstreamAuth | undefined> {
  const { auth } = entry;
  const problem = (text: string): AppError =>
    new AppError('CONFIG_INVALID', {
      params: { file: 'sallyport.yaml', problem: `servers.${name}.auth: ${text}` },
    });
  if (entry.url === undefined) {
    if (auth !== undefined) throw problem('only a server with a url is authorized at');
    return undefined;
  }
  const fixed = Object.keys(entry.headers).some((key) => key.toLowerCase() === 'authorization');
  if (fixed && auth !== undefined && auth.grant !== 'none')
    throw problem('headers.Authorization is set as well; give one of the two');
  if (fixed || auth?.grant === 'none') return undefined;
  const read = (ref: SecretRef): Promise<string> =>
    resolveSecret(ref, { env, readFile: (path) => readFile(path, 'utf8') });
  const grant = auth?.grant ?? 'authorization_code';
  const secret = [auth?.clientSecret, auth?.privateKey, auth?.assertion];
  if (secret.some((ref) => ref !== undefined) && auth?.issuer === undefined)
    throw problem('name the issuer: secrets are sent to no other authorization server');
  if ((auth?.clientSecret ?? auth?.privateKey) !== undefined && auth?.clientId === undefined)
    throw problem('clientId is missing');
  if (auth?.clientSecret !== undefined && auth.privateKey !== undefined)
    throw problem('give clientSecret or privateKey, not both');
  if (grant !== 'authorization_code' && auth?.clientId === undefined)
    throw problem(`${grant} needs a clientId`);
  if (grant === 'client_credentials' && (auth?.clientSecret ?? auth?.privateKey) === undefined)
    throw problem('client_credentials needs a clientSecret or a privateKey');
  if ((grant === 'jwt_bearer') !== (auth?.assertion !== undefined))
    throw problem('assertion and grant jwt_bearer belong together');
  if (auth?.exchange !== undefined && grant !== 'jwt_bearer')
    throw problem('exchange belongs to grant jwt_bearer');
  const privateKey = auth?.privateKey === undefined ? undefined : await read(auth.privateKey);
  if (privateKey !== undefined && readSigningKey(privateKey) === undefined)
    throw problem('privateKey is no PKCS #8 PEM of a P-256, P-384, Ed25519 or RSA key');
  const { assertion } = auth ?? {};
  return {
    url: entry.url,
    allowPrivate: entry.allowPrivate,
    grant,
    issuer: auth?.issuer,
    clientId: auth?.clientId,
    clientSecret: auth?.clientSecret === undefined ? undefined : await read(auth.clientSecret),
    privateKey,
    keyId: auth?.keyId,
    clientMetadataUrl:
      auth?.clientMetadataUrl === false ? undefined : (auth?.clientMetadataUrl ?? documentUrl),
    assertion:
      assertion === undefined
        ? undefined
        : { from: JSON.stringify(assertion), read: () => read(assertion) },
    exchange: auth?.exchange,
    scopes: auth?.scopes,
    dpop: auth?.dpop ?? 'auto',
  };
}
