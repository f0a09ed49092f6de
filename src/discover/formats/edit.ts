import type { FoundServer } from '../model.ts';

/** One change of a file: the entry under that name becomes `value`, or goes when it is undefined. */
export interface EntryEdit {
  readonly container: string;
  readonly name: string;
  readonly value: Readonly<Record<string, unknown>> | undefined;
  readonly isList: boolean;
  readonly preamble: Readonly<Record<string, string>>;
}

/** Thrown with words for a person when a text cannot be edited without risk. */
export class EditRefused extends Error {
  override readonly name = 'EditRefused';
}

export interface FormatEditor {
  /** The text with the change and nothing else changed. Throws {@link EditRefused}. */
  edit(text: string, edit: EntryEdit): string;
  /** The servers in the container, bounded in number. Throws {@link EditRefused} when the text cannot be read. */
  list(text: string, container: string): readonly FoundServer[];
}

const MAX_SERVERS = 1_000;
const MAX_TEXT = 4_096;

type Fields = Readonly<Record<string, unknown>>;
const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined;

/** A client's own form of an entry in one form; see the traps in the table of clients. */
export function normaliseServers(value: unknown): FoundServer[] {
  const pairs: [string, unknown][] = Array.isArray(value)
    ? value.map((one, index) => [text((one as Fields | null)?.['name']) ?? String(index), one])
    : typeof value === 'object' && value !== null
      ? Object.entries(value)
      : [];
  return pairs.slice(0, MAX_SERVERS).map(([name, given]) => {
    const entry = (typeof given === 'object' && given !== null ? given : {}) as Fields;
    const url =
      text(entry['url']) ??
      text(entry['serverUrl']) ??
      text(entry['httpUrl']) ??
      text(entry['uri']);
    const command = entry['command'] ?? entry['cmd'];
    const words = [...(Array.isArray(command) ? command : [command]), ...listOf(entry['args'])]
      .map(text)
      .filter((word) => word !== undefined);
    const transport = words.length > 0 ? 'stdio' : url === undefined ? 'unknown' : 'http';
    return {
      name: name.slice(0, 256),
      transport,
      target: words.length > 0 ? words : url === undefined ? [] : [url],
      disabled: entry['disabled'] === true || entry['enabled'] === false,
    };
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
