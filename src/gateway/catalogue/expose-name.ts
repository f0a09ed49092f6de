import { sha256Hex } from '../../kernel/index.ts';

/** Separates server and tool in the names of the merged endpoint. Server names can't contain it. */
export const NAME_SEPARATOR = '__';
/** Several clients stop at 64 characters, though MCP allows 128. */
export const MAX_EXPOSED_NAME = 64;
/** Server names: no underscore, so that the first separator always ends the server's part. */
export const SERVER_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

const DIGEST_CHARS = 8;

/**
 * The name under which clients of the merged endpoint see a tool or prompt: its alias, or `server__name`. Stable:
 * depends on the names alone, never on order. Names that grow beyond 64 characters end in a digest of the whole.
 */
export function exposeName(
  server: string,
  name: string,
  aliases: Readonly<Record<string, string>> | undefined,
): string {
  if (aliases !== undefined && Object.hasOwn(aliases, name)) {
    const alias = aliases[name];
    if (alias !== undefined) return alias;
  }
  const whole = `${server}${NAME_SEPARATOR}${name}`;
  if (whole.length <= MAX_EXPOSED_NAME) return whole;
  return `${whole.slice(0, MAX_EXPOSED_NAME - DIGEST_CHARS - 1)}-${sha256Hex(whole).slice(0, DIGEST_CHARS)}`;
}

/** The server an exposed name points at, by its prefix; undefined for aliases and foreign names. */
export function serverOfExposedName(exposed: string): string | undefined {
  const at = exposed.indexOf(NAME_SEPARATOR);
  return at > 0 ? exposed.slice(0, at) : undefined;
}
