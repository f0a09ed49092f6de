import { cp, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

/** Official servers of the demo; the version that the shipped policies were written for. */
const SERVERS = {
  everything: {
    package: '@modelcontextprotocol/server-everything',
    version: '2026.8.31',
    bin: 'dist/index.js',
  },
  filesystem: {
    package: '@modelcontextprotocol/server-filesystem',
    version: '2026.8.31',
    bin: 'dist/index.js',
  },
  memory: {
    package: '@modelcontextprotocol/server-memory',
    version: '2026.8.31',
    bin: 'dist/index.js',
  },
} as const;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A server that is installed beside us runs at once; otherwise npx fetches it when it is first needed. */
function commandFor(
  server: (typeof SERVERS)[keyof typeof SERVERS],
  args: readonly string[],
): { command: string; args: string[] } {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${server.package}/package.json`);
    return { command: process.execPath, args: [join(dirname(manifest), server.bin), ...args] };
  } catch {
    return { command: 'npx', args: ['-y', `${server.package}@${server.version}`, ...args] };
  }
}

/**
 * What runs when nothing is configured: three official servers over a scratch workspace, two agents with an owner, and
 * a small readable policy set. Written as an ordinary configuration, so that it can be changed and grown. Returns the
 * path of that file.
 */
export async function writeDemo(dataDir: string): Promise<string> {
  const workspace = join(dataDir, 'workspace');
  const policies = join(dataDir, 'policies');
  const file = join(dataDir, 'sallyport.yaml');
  await mkdir(workspace, { recursive: true, mode: 0o700 });
  await cp(join(root, 'policies', 'demo'), policies, {
    recursive: true,
    errorOnExist: false,
    force: false,
  });
  await writeFile(join(workspace, 'hello.txt'), 'Hello from behind the gateway.\n', {
    flag: 'wx',
  }).catch(ignoreExisting);
  await writeFile(join(workspace, '.env'), 'TOKEN=not-a-real-secret\n', { flag: 'wx' }).catch(
    ignoreExisting,
  );
  const config = {
    policies: { dir: 'policies' },
    agents: {
      reader: { owner: 'demo@example.com', purpose: 'Reads, and changes nothing.' },
      builder: { owner: 'demo@example.com', purpose: 'Works inside the workspace.' },
    },
    servers: {
      everything: { ...commandFor(SERVERS.everything, ['stdio']) },
      filesystem: { ...commandFor(SERVERS.filesystem, [workspace]) },
      memory: {
        ...commandFor(SERVERS.memory, []),
        env: { MEMORY_FILE_PATH: join(workspace, 'memory.jsonl') },
      },
    },
  };
  const header =
    '# Sallyport: the demo set-up. Change it, or start your own: `sallyport config schema` prints what is allowed.\n';
  await writeFile(file, header + stringify(config), { mode: 0o600, flag: 'wx' }).catch(
    ignoreExisting,
  );
  return file;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
