import { resolve } from 'node:path';
import { isSecretName, type SecretRef } from '../../../kernel/index.ts';
import { usage } from '../../context.ts';

export interface AddOptions {
  readonly env?: readonly string[];
  readonly header?: readonly string[];
  readonly cwd?: string;
  readonly timeout?: string;
  readonly shared?: boolean;
  readonly allowPrivate?: boolean;
  readonly disabled?: boolean;
}

/**
 * One entry of `servers:` from the words of the command line. A path to a program, and a working directory, are meant
 * from `here`, and the gateway runs elsewhere: they become whole. The schema checks what is left to check.
 */
export function serverEntry(
  target: readonly string[],
  options: AddOptions,
  here: string,
): Record<string, unknown> {
  const [first = ''] = target;
  const timing = {
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...(options.disabled === true ? { enabled: false } : {}),
  };
  if (/^https?:\/\//i.test(first)) {
    if (target.length > 1)
      throw usage('a URL takes no arguments', 'for a local server write: -- COMMAND ARGUMENTS');
    if (options.env !== undefined || options.cwd !== undefined || options.shared === true)
      throw usage('--env, --cwd and --shared are for local servers', 'use --header for a URL');
    const headers = pairs('--header', options.header ?? []);
    return {
      url: first,
      ...(options.header === undefined ? {} : { headers }),
      ...(options.allowPrivate === true ? { allowPrivate: true } : {}),
      ...timing,
    };
  }
  if (options.header !== undefined || options.allowPrivate === true)
    throw usage('--header and --allow-private are for URLs', 'use --env for a local server');
  return {
    command: /[\\/]/.test(first) ? resolve(here, first) : first,
    ...(target.length > 1 ? { args: target.slice(1) } : {}),
    ...(options.env === undefined ? {} : { env: pairs('--env', options.env) }),
    ...(options.cwd === undefined ? {} : { cwd: resolve(here, options.cwd) }),
    ...(options.shared === true ? { shared: true } : {}),
    ...timing,
  };
}

function pairs(flag: string, given: readonly string[]): Record<string, string | SecretRef> {
  const out: Record<string, string | SecretRef> = {};
  for (const text of given) {
    const at = text.indexOf('=');
    const name = text.slice(0, at);
    const value = text.slice(at + 1);
    if (at < 1 || value === '')
      throw usage(`${flag} is NAME=env:VARIABLE or NAME=file:PATH`, 'plain values are NAME=VALUE');
    if (Object.hasOwn(out, name)) throw usage(`${flag} ${name} is given twice`, 'give it once');
    if (value.startsWith('env:')) out[name] = { env: value.slice(4) };
    else if (value.startsWith('file:')) out[name] = { file: value.slice(5) };
    else if (isSecretName(name))
      throw usage(
        `${name} looks like a secret, and other users can read a command line`,
        `write ${flag} ${name}=env:VARIABLE or ${flag} ${name}=file:PATH`,
      );
    else out[name] = value;
  }
  return out;
}
