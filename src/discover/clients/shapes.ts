import type { ServerEntry } from '../model.ts';

type Shape = (entry: ServerEntry, name: string) => Readonly<Record<string, unknown>> | undefined;

const stdio = (entry: Extract<ServerEntry, { kind: 'stdio' }>) => ({
  command: entry.command,
  args: [...entry.args],
});

/** `command` and `args`, or the URL under the name that the client reads. */
export function plain(urlField: string): Shape {
  return (entry) => (entry.kind === 'stdio' ? stdio(entry) : { [urlField]: entry.url });
}

export const stdioOnly: Shape = (entry) => (entry.kind === 'stdio' ? stdio(entry) : undefined);

/** With the transport named: `stdio` and `http`. */
export const typed: Shape = (entry) =>
  entry.kind === 'stdio' ? { type: 'stdio', ...stdio(entry) } : { type: 'http', url: entry.url };

export const zed: Shape = (entry) =>
  entry.kind === 'stdio'
    ? { source: 'custom', ...stdio(entry), env: {} }
    : { source: 'custom', url: entry.url };

export const opencode: Shape = (entry) =>
  entry.kind === 'stdio'
    ? { type: 'local', command: [entry.command, ...entry.args], enabled: true }
    : { type: 'remote', url: entry.url, enabled: true };

export const goose: Shape = (entry, name) =>
  entry.kind === 'stdio'
    ? {
        name,
        type: 'stdio',
        cmd: entry.command,
        args: [...entry.args],
        enabled: true,
        timeout: 300,
      }
    : { name, type: 'streamable_http', uri: entry.url, enabled: true, timeout: 300 };

export const continueDev: Shape = (entry, name) =>
  entry.kind === 'stdio'
    ? { name, ...stdio(entry) }
    : { name, type: 'streamable-http', url: entry.url };

export const copilotCli: Shape = (entry) =>
  entry.kind === 'stdio'
    ? { type: 'local', ...stdio(entry), tools: ['*'] }
    : { type: 'http', url: entry.url, tools: ['*'] };
