import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CLIENTS, findServers, leadsToGateway, locate, osOf } from './index.ts';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-find-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));
const around = () => ({ home, cwd: join(home, 'project'), os: 'linux' as const, env: {} });

describe('finding servers', () => {
  test('every client’s own entry is found again, and known to lead through the gateway', async () => {
    for (const client of CLIENTS) {
      const place = locate(client, 'user', around());
      if (place === undefined || place.format !== 'json') continue;
      const shim = client.shape(
        {
          kind: 'stdio',
          command: '/usr/bin/node',
          args: ['/x/bin/sallyport.mjs', 'stdio', '--agent', 'a'],
        },
        'sallyport',
      );
      const other = client.shape(
        { kind: 'stdio', command: 'npx', args: ['-y', 'some-server'] },
        'direct',
      );
      await mkdir(dirname(place.file), { recursive: true });
      await writeFile(
        place.file,
        JSON.stringify({ [place.container]: { sallyport: shim, direct: other } }),
      );
      const files = await findServers(around(), (server) => leadsToGateway(server, []));
      const mine = files.find((file) => file.client === client.id);
      expect(mine?.servers.map(({ name, throughGateway }) => [name, throughGateway])).toEqual([
        ['sallyport', true],
        ['direct', false],
      ]);
      expect(mine?.servers[1]?.target).toEqual(['npx', '-y', 'some-server']);
    }
  });

  test('a file that cannot be read is told of, and one that is not there is not', async () => {
    const place = locate(CLIENTS[0]!, 'user', around())!;
    await writeFile(place.file, '{');
    const files = await findServers(around(), () => false);
    expect(files).toHaveLength(1);
    expect(files[0]).toMatchObject({ client: 'claude-code', servers: [] });
    expect(files[0]?.problem).toContain('JSON');
  });

  test('URLs lead through the gateway only when they are its own', () => {
    const http = (url: string) => ({
      name: 'x',
      transport: 'http' as const,
      target: [url],
      disabled: false,
    });
    const mine = 'http://127.0.0.1:7400/mcp';
    expect(leadsToGateway(http(mine), [mine])).toBe(true);
    expect(leadsToGateway(http(`${mine}/files`), [mine])).toBe(true);
    expect(leadsToGateway(http(`${mine}.evil.example`), [mine])).toBe(false);
    const words = (...target: string[]) => ({
      name: 'x',
      transport: 'stdio' as const,
      target,
      disabled: false,
    });
    expect(leadsToGateway(words('npx', 'stdio', 'sallyport'), [])).toBe(false);
    expect(leadsToGateway(words('sallyport', 'stdio', '--agent', 'a'), [])).toBe(true);
  });

  test('relocations count only when they are whole paths', () => {
    const codex = CLIENTS.find(({ id }) => id === 'codex')!;
    const file = (env: Record<string, string>) => locate(codex, 'user', { ...around(), env })?.file;
    expect(file({ CODEX_HOME: '/srv/codex' })).toBe('/srv/codex/config.toml');
    expect(file({ CODEX_HOME: '../x' })).toBe(join(home, '.codex/config.toml'));
    expect(osOf('win32')).toBe('windows');
  });
});
