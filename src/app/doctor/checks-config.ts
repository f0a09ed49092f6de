import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DoctorLine } from '../../cli/index.ts';
import { isAppError, resolveSecret, systemClock } from '../../kernel/index.ts';
import { createCedarHost, createPolicyService, readPolicyDirectory } from '../../policy/index.ts';
import { readConfig } from '../config/read-config.ts';
import type { Config } from '../config/sections.ts';

type Env = Readonly<Record<string, string | undefined>>;

const failure = (check: string, error: unknown, fix: string): DoctorLine => {
  if (!isAppError(error)) throw error;
  return { check, status: 'fail', message: error.message, fix };
};

/** The configuration when it is valid, and the line about it either way. */
export async function checkConfig(
  file: string | undefined,
  env: Env,
): Promise<{ readonly line: DoctorLine; readonly config: Config | undefined }> {
  try {
    const { config } = await readConfig(file, env);
    const message = file === undefined ? 'there is no file; defaults hold' : `${file} is valid`;
    return { line: { check: 'configuration', status: 'ok', message }, config };
  } catch (error) {
    return {
      line: failure('configuration', error, 'sallyport config check'),
      config: undefined,
    };
  }
}

/** Whether every secret can be fetched; values are dropped at once. */
export async function checkSecrets(config: Config, env: Env): Promise<DoctorLine[]> {
  const lines: DoctorLine[] = [];
  let count = 0;
  for (const [name, server] of Object.entries(config.servers))
    for (const [key, value] of [...Object.entries(server.env), ...Object.entries(server.headers)]) {
      if (typeof value === 'string') continue;
      count += 1;
      try {
        await resolveSecret(value, { env, readFile: (path) => readFile(path, 'utf8') });
      } catch (error) {
        const where =
          'env' in value ? `export ${value.env}=…` : `write the secret to ${value.file}`;
        lines.push(failure(`secret ${name}.${key}`, error, where));
      }
    }
  if (lines.length === 0)
    lines.push({
      check: 'secrets',
      status: 'ok',
      message: count === 0 ? 'none are referred to' : `${count} can be fetched`,
    });
  return lines;
}

export async function checkPolicies(
  config: Config,
  file: string | undefined,
  dataDir: string,
): Promise<DoctorLine[]> {
  const dir = resolve(file === undefined ? dataDir : dirname(file), config.policies.dir);
  const host = createCedarHost({ clock: systemClock });
  const lines: DoctorLine[] = [];
  try {
    const service = createPolicyService({
      host,
      read: () => readPolicyDirectory(dir),
      mode: config.policies.mode,
    });
    const { policies, problems } = await service.check();
    const errors = problems.filter(({ severity }) => severity === 'error');
    lines.push(
      errors.length === 0
        ? { check: 'policies', status: 'ok', message: `${policies.length} in ${dir}` }
        : {
            check: 'policies',
            status: 'fail',
            message: `${errors.length} errors, first ${errors[0]?.file ?? ''}:${errors[0]?.line ?? 0}: ${errors[0]?.message ?? ''}`,
            fix: 'sallyport policy check',
          },
    );
    if (policies.length === 0 && errors.length === 0)
      lines.push({
        check: 'policies',
        status: 'warn',
        message: 'there is no policy, so every call is denied',
        fix: `write one in ${dir}; docs/reference/policy-model.md has examples`,
      });
  } catch (error) {
    lines.push(failure('policies', error, `mkdir -p '${dir}'`));
  } finally {
    await host.close();
  }
  if (config.policies.mode === 'observe')
    lines.push({
      check: 'policy mode',
      status: 'warn',
      message: 'observe: calls that policy would deny are let through',
      fix: 'set policies.mode to enforce',
    });
  return lines;
}
