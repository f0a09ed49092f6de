import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parseDuration } from '../../../kernel/index.ts';
import { openApi } from '../../api-access.ts';
import { type CliContext, usage } from '../../context.ts';
import { needReason } from './change.ts';

interface TokenOptions {
  readonly life: string;
  readonly reason?: string;
}

export function addAgentToken(noun: Command, context: CliContext): void {
  const command = noun
    .command('token')
    .summary('a bearer token for the first minutes of an agent, shown once')
    .argument('<agent>', 'name or id')
    .option('--life <duration>', '1m to 24h', '60m')
    .option('--reason <text>', 'why; stands in the audit record');
  context.action<TokenOptions>(command, async (run, agent = '') => {
    const life = parseDuration(run.options.life);
    if (life === undefined) throw usage('--life takes a duration', 'for example 30m or 8h');
    const issued = await (await openApi(run)).call('bootstraps.create', {
      agent,
      body: {
        lifeSeconds: Math.floor(life / 1000),
        reason: run.options.reason ?? 'asked for on the command line',
      },
    });
    if (run.terminal.machine) run.terminal.json(issued);
    else {
      run.terminal.line(issued.token);
      run.terminal.note(
        `good until ${new Date(issued.expiresAt).toISOString()}; it is not shown again. A key is better: sallyport stdio --agent ${agent}`,
      );
    }
    return 0;
  });
}

interface KeyOptions {
  readonly public?: string;
  readonly algorithm: string;
  readonly revoke?: string;
  readonly reason?: string;
}

export function addAgentKey(noun: Command, context: CliContext): void {
  const command = noun
    .command('key')
    .summary('make a key for an agent, take its public key, or revoke one')
    .argument('<agent>', 'name or id')
    .option('--public <file>', 'JSON file with the public JWK of a key made elsewhere')
    .option('--algorithm <name>', 'ES256 or EdDSA', 'ES256')
    .option('--revoke <key>', 'id of a key that signs no more; ends the tokens of the agent too')
    .option('--reason <text>', 'why; stands in the audit record');
  context.action<KeyOptions>(command, async (run, agent = '') => {
    const { options, terminal } = run;
    const api = await openApi(run);
    if (options.revoke !== undefined) {
      const reason = needReason(options.reason, 'agent key --revoke');
      await api.call('keys.revoke', { key: options.revoke, body: { reason } });
      if (terminal.machine) terminal.json({ revoked: options.revoke });
      else terminal.line(`${options.revoke} signs no more`);
      return 0;
    }
    const { algorithm } = options;
    if (algorithm !== 'ES256' && algorithm !== 'EdDSA')
      throw usage(`--algorithm ${algorithm} is unknown`, 'use ES256 or EdDSA');
    const publicJwk =
      options.public === undefined
        ? {}
        : {
            publicJwk: JSON.parse(await readFile(options.public, 'utf8')) as Record<string, string>,
          };
    const made = await api.call('keys.create', {
      agent,
      body: { algorithm, reason: options.reason ?? 'asked for on the command line', ...publicJwk },
    });
    if (terminal.machine) terminal.json(made);
    else terminal.line(`${made.key.id}${made.keyFile === null ? '' : `\nkey ${made.keyFile}`}`);
    return 0;
  });
}
