import type { DoctorLine, DoctorRequest } from '../../cli/index.ts';
import { systemClock } from '../../kernel/index.ts';
import { findConfig } from '../config/read-config.ts';
import { dataDirectoryPath, describeDataDirectory } from '../data-directory.ts';
import { checkConfig, checkPolicies, checkSecrets } from './checks-config.ts';
import { checkAudit, checkClients, checkRunning } from './checks-running.ts';
import {
  checkAdminToken,
  checkClock,
  checkDataDirectory,
  checkNode,
  checkPorts,
} from './checks-system.ts';

export interface DoctorDeps extends DoctorRequest {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** All checks in order. Changes nothing, and works with and without a running gateway. */
export async function runDoctor(deps: DoctorDeps): Promise<readonly DoctorLine[]> {
  const { env, cwd } = deps;
  const data = describeDataDirectory(dataDirectoryPath(deps.dataDir, env, cwd));
  const file = await findConfig(deps.config, cwd, data.path);
  const lines: DoctorLine[] = [
    checkNode(process.versions.node),
    checkClock(systemClock.now()),
    ...(await checkDataDirectory(data)),
    await checkAdminToken(data),
  ];
  const { line, config } = await checkConfig(file, env);
  lines.push(line);
  if (config !== undefined) {
    const { gateway, admin } = config;
    lines.push(
      ...(await checkPorts(
        [
          { name: 'MCP', host: gateway.host, port: gateway.port },
          { name: 'admin', host: admin.host, port: admin.port },
        ],
        data.runFile,
      )),
      ...(await checkSecrets(config, env)),
    );
    // Without a file the demo's policies come with the first start.
    if (file !== undefined) lines.push(...(await checkPolicies(config, file, data.path)));
  }
  const running = await checkRunning(data);
  lines.push(...running.lines, await checkAudit(data));
  lines.push(...(await checkClients(env, cwd, running.mcpUrl)));
  return lines;
}
