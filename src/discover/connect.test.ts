import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { createSeededRandom } from '../kernel/index.ts';
import {
  CLIENTS,
  type ClientDefinition,
  type LocatedPlace,
  locate,
  planConnect,
  planUndo,
  type ServerEntry,
} from './index.ts';

const random = createSeededRandom(7);
const SHIM: ServerEntry = {
  kind: 'stdio',
  command: '/opt/node "24"/bin/node',
  args: ['C:\\sally port\\cli.mjs', 'stdio', '--agent', 'reader'],
};

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-connect-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const around = () => ({ home, cwd: join(home, 'project'), os: 'linux' as const, env: {} });
const CASES = CLIENTS.flatMap((client) =>
  (['user', 'project'] as const).flatMap((scope) =>
    client.places.some((place) => place.scope === scope) ? [{ client, scope }] : [],
  ),
);

async function placeOf(client: ClientDefinition, scope: 'user' | 'project'): Promise<LocatedPlace> {
  await mkdir(join(home, 'project'), { recursive: true });
  const place = locate(client, scope, around());
  if (place === undefined) throw new Error('no place');
  return place;
}
const input = (place: LocatedPlace, name = 'sallyport') => ({
  place,
  name,
  project: join(home, 'project'),
});
const clientEntry = (client: ClientDefinition) => client.shape(SHIM, 'sallyport')!;

/** A file as people have it, in the client's own format. */
function sample(place: LocatedPlace): string {
  if (place.format === 'toml')
    return '# mine\nmodel = "x"\n\n[mcp_servers.other] # keep\ncommand = "o"\nargs = ["[mcp_servers.sallyport]"]\n\n[mcp_servers.other.env]\nA = "1"\n\n[tail]\nx = 1\n';
  if (place.format === 'yaml')
    return place.isList
      ? '# mine\nname: A\nversion: 1.0.0\nschema: v1\nmcpServers:\n  # keep\n  - name: other\n    command: o\n'
      : '# mine\nGOOSE_MODEL: x\nextensions:\n  # keep\n  other:\n    cmd: o\n    enabled: true\n';
  return `// mine\n{\n\t"a": 1, /* keep */\n\t"${place.container}": {\n\t\t"other": { "command": "o", }, // keep\n\t},\n\t"z": [1, 2,],\n}\n`;
}

function parsed(place: LocatedPlace, text: string): Record<string, unknown> {
  if (place.format === 'toml') return parseToml(text) as Record<string, unknown>;
  // YAML reads JSON; comments and trailing commas of JSONC are taken out of the sample by hand.
  if (place.format === 'yaml') return parseYaml(text) as Record<string, unknown>;
  return JSON.parse(
    text
      .replace(/^\ufeff/, '')
      .replace(/\/\/[^\n]*|\/\*.*?\*\//g, '')
      .replace(/,(\s*[}\]])/g, '$1'),
  ) as Record<string, unknown>;
}

function entryIn(place: LocatedPlace, text: string, name: string): unknown {
  const held = parsed(place, text)[place.container];
  return place.isList
    ? (held as { name: string }[]).find((one) => one.name === name)
    : (held as Record<string, unknown>)[name];
}

describe.each(CASES)('$client.id ($scope)', ({ client, scope }) => {
  const VARIANTS: [string, (text: string) => string][] = [
    ['as people write it', (text) => text],
    ['with CRLF', (text) => text.replaceAll('\n', '\r\n')],
    ['with a byte order mark', (text) => `\ufeff${text}`],
    ['without a last line end', (text) => text.trimEnd()],
    ['empty', () => ''],
  ];
  test.each(VARIANTS)(
    'a file %s is connected, keeps what it had, and comes back byte for byte',
    async (_what, variant) => {
      const place = await placeOf(client, scope);
      const original = Buffer.from(variant(sample(place)));
      await mkdir(dirname(place.file), { recursive: true });
      await writeFile(place.file, original, { mode: 0o640 });
      await chmod(place.file, 0o640);

      const plan = await planConnect(input(place), clientEntry(client));
      expect(plan.changed).toBe(true);
      expect(plan.diff).toContain('+');
      expect(await readFile(place.file)).toEqual(original);
      await plan.apply(random);

      const written = await readFile(place.file, 'utf8');
      expect(entryIn(place, written.replaceAll('\r\n', '\n'), 'sallyport')).toEqual(
        clientEntry(client),
      );
      if (original.length > 3) {
        expect(entryIn(place, written.replaceAll('\r\n', '\n'), 'other')).toMatchObject({});
        for (const comment of ['mine', 'keep']) expect(written).toContain(comment);
      }
      if (original.includes('\r\n')) expect(written.replaceAll('\r\n', '')).not.toContain('\n');
      expect(written.startsWith('\ufeff')).toBe(original.toString().startsWith('\ufeff'));
      expect((await stat(place.file)).mode & 0o777).toBe(0o640);

      const undo = await planUndo(input(place));
      expect(undo.exact).toBe(true);
      await undo.apply(random);
      expect(await readFile(place.file)).toEqual(original);
      expect(
        (await readdir(dirname(place.file))).filter((name) => name.includes('sallyport-')),
      ).toEqual([]);
    },
  );

  test('a file that was not there is made, and undo removes it with its directories', async () => {
    const place = await placeOf(client, scope);
    const before = await tree(home);
    await (await planConnect(input(place), clientEntry(client))).apply(random);
    expect(entryIn(place, await readFile(place.file, 'utf8'), 'sallyport')).toEqual(
      clientEntry(client),
    );
    await (await planUndo(input(place))).apply(random);
    expect(await tree(home)).toEqual(before);
  });

  test('connecting twice with different agents still goes back to the original in one step', async () => {
    const place = await placeOf(client, scope);
    const original = sample(place);
    await mkdir(dirname(place.file), { recursive: true });
    await writeFile(place.file, original);
    await (await planConnect(input(place), clientEntry(client))).apply(random);
    const other = client.shape(
      { ...SHIM, args: ['stdio', '--agent', 'builder'] } as ServerEntry,
      'sallyport',
    )!;
    await (await planConnect(input(place), other)).apply(random);
    expect(entryIn(place, await readFile(place.file, 'utf8'), 'sallyport')).toEqual(other);
    expect((await planConnect(input(place), other)).changed).toBe(false);
    await (await planUndo(input(place))).apply(random);
    expect(await readFile(place.file, 'utf8')).toBe(original);
  });

  test('a file that somebody changed since loses only the entry', async () => {
    const place = await placeOf(client, scope);
    await mkdir(dirname(place.file), { recursive: true });
    await writeFile(place.file, sample(place));
    await (await planConnect(input(place), clientEntry(client))).apply(random);
    const changed = (await readFile(place.file, 'utf8')).replace('mine', 'yours');
    await writeFile(place.file, changed);
    const undo = await planUndo(input(place));
    expect(undo.exact).toBe(false);
    await undo.apply(random);
    const left = await readFile(place.file, 'utf8');
    expect(left).toContain('yours');
    expect(entryIn(place, left, 'sallyport')).toBeUndefined();
    expect(entryIn(place, left, 'other')).toBeDefined();
    await expect(planUndo(input(place))).rejects.toMatchObject({
      code: 'DISCOVER_NOTHING_TO_UNDO',
    });
  });
});

describe('hostile and odd files', () => {
  const client = CLIENTS.find(({ id }) => id === 'cursor')!;
  const write = async (text: string | Buffer): Promise<LocatedPlace> => {
    const place = await placeOf(client, 'project');
    await mkdir(dirname(place.file), { recursive: true });
    await writeFile(place.file, text);
    return place;
  };

  test.each([
    ['that is no JSON', '{"a":'],
    ['that is a list', '[]'],
    ['with the container as a text', '{"mcpServers":"x"}'],
    ['with the container twice', '{"mcpServers":{},"mcpServers":{}}'],
    ['with the entry twice', '{"mcpServers":{"a":1,"a":2}}'],
    ['that is nested without end', `{"a":${'['.repeat(200)}${']'.repeat(200)}}`],
    ['that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('a file %s is refused and stays', async (_what, content) => {
    const place = await write(content);
    await expect(planConnect(input(place), clientEntry(client))).rejects.toMatchObject({
      code: 'DISCOVER_FILE',
    });
    expect(await readFile(place.file)).toEqual(Buffer.from(content));
  });

  test('a file beyond 5 MiB is refused', async () => {
    const place = await write(`{"a":"${'x'.repeat(5 * 1024 * 1024)}"}`);
    await expect(planConnect(input(place), clientEntry(client))).rejects.toMatchObject({
      code: 'DISCOVER_FILE',
    });
  });

  test.each(['__proto__', 'constructor', 'a.b', '"], "x', '𝒶'])(
    'an existing entry called %j stays as it is',
    async (name) => {
      const text = JSON.stringify({ mcpServers: {} }).replace(
        '{}',
        `{${JSON.stringify(name)}:{"command":"x"}}`,
      );
      const place = await write(text);
      await (await planConnect(input(place), clientEntry(client))).apply(random);
      const now = JSON.parse(await readFile(place.file, 'utf8')) as { mcpServers: object };
      expect(Object.keys(now.mcpServers).sort()).toEqual([name, 'sallyport'].sort());
      await (await planUndo(input(place))).apply(random);
      expect(await readFile(place.file, 'utf8')).toBe(text);
    },
  );

  test.each(['', '__proto__', 'a.b', 'a b', 'x]\n[y', '-a', 'a'.repeat(64)])(
    'an entry is never written under the name %j',
    async (name) => {
      const place = await write('{}');
      await expect(planConnect(input(place, name), clientEntry(client))).rejects.toMatchObject({
        code: 'DISCOVER_FILE',
      });
    },
  );

  test('a change between the look and the write is not overwritten', async () => {
    const place = await write('{}');
    const plan = await planConnect(input(place), clientEntry(client));
    await writeFile(place.file, '{"new":1}');
    await expect(plan.apply(random)).rejects.toMatchObject({ code: 'DISCOVER_CHANGED' });
    expect(await readFile(place.file, 'utf8')).toBe('{"new":1}');
  });

  test('a project’s link that leads out of the project is refused, and without that check it would be written through', async () => {
    const place = await placeOf(client, 'project');
    await mkdir(dirname(place.file), { recursive: true });
    await writeFile(join(home, 'victim'), '{}');
    await symlink(join(home, 'victim'), place.file);
    await expect(planConnect(input(place), clientEntry(client))).rejects.toMatchObject({
      code: 'DISCOVER_FILE',
    });
    expect(await readFile(join(home, 'victim'), 'utf8')).toBe('{}');
    const asUser = { ...input(place), place: { ...place, scope: 'user' as const } };
    await (await planConnect(asUser, clientEntry(client))).apply(random);
    expect(await readFile(join(home, 'victim'), 'utf8')).toContain('sallyport');
    expect((await lstat(place.file)).isSymbolicLink()).toBe(true);
  });

  test('a directory of the project that is a link out of it is refused too', async () => {
    const place = await placeOf(client, 'project');
    await mkdir(join(home, 'elsewhere'));
    await symlink(join(home, 'elsewhere'), dirname(place.file));
    await expect(planConnect(input(place), clientEntry(client))).rejects.toMatchObject({
      code: 'DISCOVER_FILE',
    });
  });

  test('a link to nothing is refused', async () => {
    const place = await placeOf(client, 'user');
    await mkdir(dirname(place.file), { recursive: true });
    await symlink(join(home, 'gone'), place.file);
    await expect(planConnect(input(place), clientEntry(client))).rejects.toMatchObject({
      code: 'DISCOVER_FILE',
    });
  });

  test('TOML that holds the servers inline is refused rather than broken', async () => {
    const codex = CLIENTS.find(({ id }) => id === 'codex')!;
    const place = await placeOf(codex, 'user');
    await mkdir(dirname(place.file), { recursive: true });
    const text = 'mcp_servers = { other = { command = "o" } }\n';
    await writeFile(place.file, text);
    await expect(planConnect(input(place), clientEntry(codex))).rejects.toMatchObject({
      code: 'DISCOVER_FILE',
    });
    expect(await readFile(place.file, 'utf8')).toBe(text);
  });

  test('a TOML header inside a multi-line text is not taken for a table', async () => {
    const codex = CLIENTS.find(({ id }) => id === 'codex')!;
    const place = await placeOf(codex, 'user');
    await mkdir(dirname(place.file), { recursive: true });
    const text = 'note = """\n[mcp_servers.sallyport]\n"""\nlast = 1\n';
    await writeFile(place.file, text);
    const outcome = await planConnect(input(place), clientEntry(codex)).then(
      (plan) => plan.diff,
      (error: { code: string }) => error.code,
    );
    expect(outcome).toBe('DISCOVER_FILE');
    expect(await readFile(place.file, 'utf8')).toBe(text);
  });
});

async function tree(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).sort();
}
