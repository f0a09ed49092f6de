import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '../../api/index.ts';
import { PUBLIC_KEY_FILE, verifyAudit } from '../../audit/index.ts';
import type { DoctorLine } from '../../cli/index.ts';
import { findServers, leadsToGateway, osOf } from '../../discover/index.ts';
import { DAY_MS, systemClock } from '../../kernel/index.ts';
import type { DataDirectory } from '../data-directory.ts';

const EXPIRES_SOON_MS = 14 * DAY_MS;
const TIMEOUT_MS = 5_000;

export interface Running {
  readonly mcpUrl: string | undefined;
  readonly lines: readonly DoctorLine[];
}

/** Servers and agents as a running gateway sees them. */
export async function checkRunning(data: DataDirectory): Promise<Running> {
  const token = await readFile(data.adminTokenFile, 'utf8').catch(() => undefined);
  const facts = await readFile(data.runFile, 'utf8').then(
    (text) => JSON.parse(text) as { adminUrl: string; mcpUrl: string },
    () => undefined,
  );
  if (token === undefined || facts === undefined)
    return {
      mcpUrl: undefined,
      lines: [
        { check: 'gateway', status: 'warn', message: 'it does not run', fix: 'sallyport up' },
      ],
    };
  const api = createApiClient({
    url: facts.adminUrl,
    token: token.trim(),
    clock: systemClock,
    channel: 'cli',
    timeoutMs: TIMEOUT_MS,
  });
  try {
    const status = await api.call('status.get', {});
    const { servers } = await api.call('servers.list', {});
    const { agents } = await api.call('agents.list', {});
    const lines: DoctorLine[] = [
      status.ready
        ? { check: 'gateway', status: 'ok', message: `${status.version} at ${status.mcpUrl}` }
        : {
            check: 'gateway',
            status: 'fail',
            message: 'it takes no calls: the audit log cannot be written',
            fix: 'free disk space, then restart it',
          },
    ];
    for (const { name, state, revision, era, lastError, tools } of servers) {
      const isBad = state === 'failed' || (state === 'backing_off' && lastError !== null);
      lines.push({
        check: `server ${name}`,
        status: isBad ? 'fail' : state === 'disabled' ? 'warn' : 'ok',
        message: `${state}, ${revision ?? 'protocol unknown'}${era === null ? '' : ` (${era})`}${tools === null ? '' : `, ${tools.length} tools`}${isBad ? `: ${lastError ?? ''}` : ''}`,
        ...(isBad ? { fix: `sallyport server show ${name}` } : {}),
        ...(state === 'disabled' ? { fix: `sallyport server enable ${name}` } : {}),
      });
    }
    const { problems } = await api.call('policy.get', {});
    const [error] = problems.filter(({ severity }) => severity === 'error');
    lines.push(
      error === undefined
        ? { check: 'policies in force', status: 'ok', message: 'they fit the tools of the servers' }
        : {
            check: 'policies in force',
            status: 'fail',
            message: `${error.file}:${error.line}: ${error.message}`,
            fix: error.suggestion ?? 'sallyport policy status',
          },
    );
    const now = systemClock.now();
    for (const agent of agents.filter(({ state }) => state !== 'retired')) {
      const check = `agent ${agent.name}`;
      if (agent.owners.length === 0)
        lines.push({
          check,
          status: 'fail',
          message: 'nobody is accountable for it',
          fix: `sallyport agent suspend ${agent.name} --reason "no owner"`,
        });
      if (agent.expired)
        lines.push({
          check,
          status: 'warn',
          message: 'it has expired',
          fix: `sallyport agent retire ${agent.name} --reason expired, and register its successor`,
        });
      else if (agent.expiresAt - now < EXPIRES_SOON_MS)
        lines.push({
          check,
          status: 'warn',
          message: `it expires on ${new Date(agent.expiresAt).toISOString().slice(0, 10)}`,
          fix: `register its successor before: sallyport agent register …`,
        });
      if (agent.state === 'active' && agent.liveKeys === 0)
        lines.push({
          check,
          status: 'warn',
          message: 'it has no key, so it lives on bootstrap tokens',
          fix: `sallyport agent key ${agent.name}`,
        });
    }
    if (agents.length === 0)
      lines.push({
        check: 'agents',
        status: 'warn',
        message: 'none are registered',
        fix: 'sallyport agent register my-agent --owner you@example.com',
      });
    return { mcpUrl: facts.mcpUrl, lines };
  } catch (error) {
    return {
      mcpUrl: facts.mcpUrl,
      lines: [
        {
          check: 'gateway',
          status: 'fail',
          message: `it left word of itself and does not answer: ${(error as Error).message}`,
          fix: `sallyport up --data-dir '${data.path}'`,
        },
      ],
    };
  }
}

export async function checkAudit(data: DataDirectory): Promise<DoctorLine> {
  const publicKey = await readFile(join(data.path, PUBLIC_KEY_FILE), 'utf8').catch(() => undefined);
  const report = await verifyAudit(data.audit, publicKey === undefined ? {} : { publicKey }).catch(
    (error: unknown) => (error as Error).message,
  );
  const check = 'audit log';
  if (typeof report === 'string')
    return { check, status: 'warn', message: `it cannot be read: ${report}`, fix: 'sallyport up' };
  const { problem } = report;
  if (problem === undefined)
    return { check, status: 'ok', message: `${report.records} records are intact and in order` };
  if (problem.kind === 'no_log')
    return { check, status: 'warn', message: 'there is none yet', fix: 'sallyport up' };
  return {
    check,
    status: 'fail',
    message: problem.message,
    fix: 'sallyport audit verify; keep the directory as evidence',
  };
}

/** Client configurations that reach servers without the gateway, which therefore neither decides nor records. */
export async function checkClients(
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
  mcpUrl: string | undefined,
): Promise<DoctorLine[]> {
  const around = { home: homedir(), cwd, os: osOf(process.platform), env };
  const urls = mcpUrl === undefined ? [] : [mcpUrl];
  const files = await findServers(around, (server) => leadsToGateway(server, urls));
  const lines = files.flatMap(({ client, scope, file, problem, servers }): DoctorLine[] => {
    const check = `client ${client}`;
    if (problem !== undefined)
      return [{ check, status: 'warn', message: `${file}: ${problem}`, fix: `repair ${file}` }];
    const direct = servers.filter((server) => !server.throughGateway && !server.disabled);
    if (direct.length === 0)
      return servers.length === 0
        ? []
        : [{ check, status: 'ok', message: `${file} leads through the gateway` }];
    const names = direct.slice(0, 5).map(({ name }) => name);
    return [
      {
        check,
        status: 'warn',
        message: `${file} reaches ${direct.length} servers past the gateway: ${names.join(', ')}`,
        fix: `sallyport server add each of them, sallyport connect ${client} --scope ${scope}, then take the old entries out`,
      },
    ];
  });
  return lines.length > 0
    ? lines
    : [
        {
          check: 'clients',
          status: 'ok',
          message: 'no client configuration on this machine names a server',
        },
      ];
}
