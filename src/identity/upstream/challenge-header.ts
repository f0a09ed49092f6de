/** One challenge of `WWW-Authenticate`: scheme in lower case, parameters by lower-case name. */
export interface ParsedChallenge {
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

const MAX_LENGTH = 8_192;
const MAX_CHALLENGES = 8;
const MAX_PARAMS = 32;
const TOKEN = /[A-Za-z0-9!#$%&'*+\-.^_`|~]/;

/**
 * Reads `WWW-Authenticate` (RFC 9110 section 11.6.1) in one pass. What cannot be read ends the list; what was read up
 * to there counts. Of a parameter that comes twice in one challenge the first counts.
 */
export function parseChallenges(header: string | undefined): readonly ParsedChallenge[] {
  return header === undefined || header.length > MAX_LENGTH ? [] : read(header);
}

function read(header: string): readonly ParsedChallenge[] {
  const challenges: { scheme: string; params: Map<string, string> }[] = [];
  let at = 0;
  const skip = (chars: string): void => {
    while (at < header.length && chars.includes(header.charAt(at))) at++;
  };
  const token = (): string => {
    const from = at;
    while (at < header.length && TOKEN.test(header.charAt(at))) at++;
    return header.slice(from, at);
  };
  while (challenges.length < MAX_CHALLENGES) {
    skip(' \t,');
    const word = token();
    if (word === '') break;
    const current = challenges.at(-1);
    const mark = at;
    skip(' \t');
    if (current !== undefined && header.charAt(at) === '=') {
      at++;
      skip(' \t');
      const value = header.charAt(at) === '"' ? quoted() : token();
      if (value === undefined) break;
      const name = word.toLowerCase();
      if (!current.params.has(name) && current.params.size < MAX_PARAMS)
        current.params.set(name, value);
      continue;
    }
    at = mark;
    challenges.push({ scheme: word.toLowerCase(), params: new Map() });
    skipToken68();
  }
  return challenges;

  function quoted(): string | undefined {
    let value = '';
    for (at++; at < header.length; at++) {
      const char = header.charAt(at);
      if (char === '"') {
        at++;
        return value;
      }
      if (char === '\\') at++;
      value += header.charAt(at);
    }
    return undefined;
  }

  /** `Negotiate abc==`: credentials of other schemes, of no use here. */
  function skipToken68(): void {
    const match = /^[ \t]+[A-Za-z0-9\-._~+/]{1,4096}={0,2}[ \t]*(?=,|$)/.exec(header.slice(at));
    if (match !== null) at += match[0].length;
  }
}

/** What a server demands of the gateway: `Bearer` or `DPoP`, whichever it names first. */
export interface ServerDemand {
  readonly error: string | undefined;
  /** Undefined: it named none. */
  readonly scopes: readonly string[] | undefined;
  readonly resourceMetadata: string | undefined;
}

export function readDemand(header: string | undefined): ServerDemand {
  const challenges = parseChallenges(header).filter(
    ({ scheme }) => scheme === 'bearer' || scheme === 'dpop',
  );
  const first = (name: string): string | undefined =>
    challenges.find(({ params }) => params.has(name))?.params.get(name);
  const scope = first('scope');
  return {
    error: first('error'),
    scopes: scope === undefined ? undefined : splitScopes(scope),
    resourceMetadata: first('resource_metadata'),
  };
}

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;
export const MAX_SCOPES = 100;

/** RFC 6749 section 3.3. What is no scope is left out; order stays, duplicates go. */
export function splitScopes(text: string): readonly string[] {
  return union(text.slice(0, MAX_LENGTH).split(' '));
}

export function union(...lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat().filter((scope) => SCOPE.test(scope)))].slice(0, MAX_SCOPES);
}
