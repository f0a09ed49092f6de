/** What is known of an MCP client's configuration. No IO here. */

export type Scope = 'user' | 'project';
export type Os = 'linux' | 'macos' | 'windows';
export type Format = 'json' | 'toml' | 'yaml';

/** A server as clients are told of it: a command to start, or a URL. */
export type ServerEntry =
  | { readonly kind: 'stdio'; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: 'http'; readonly url: string };

export interface ClientPlace {
  readonly scope: Scope;
  /** Every system when absent. */
  readonly os?: readonly Os[];
  /** `~` is the home, `.` the project, `$CFG` and `$APPDATA` the system's place for settings. */
  readonly path: string;
  readonly format: Format;
  /** Member that holds the servers; a dot in it is part of the name. */
  readonly container: string;
  /** A list of entries with names instead of a map. */
  readonly isList?: true;
  /** Members of a file that has to be made. */
  readonly preamble?: Readonly<Record<string, string>>;
}

export interface ClientDefinition {
  readonly id: string;
  readonly name: string;
  /** Terminal programs inherit PATH; others are given whole paths. */
  readonly kind: 'cli' | 'desktop' | 'ide';
  readonly places: readonly ClientPlace[];
  /** The entry in the client's own words; undefined when the client cannot do this. */
  shape(entry: ServerEntry, name: string): Readonly<Record<string, unknown>> | undefined;
}

/** Surroundings that decide where files are. */
export interface Surroundings {
  readonly home: string;
  readonly cwd: string;
  readonly os: Os;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A server that a client's configuration names; texts are the file's own, bounded. */
export interface FoundServer {
  readonly name: string;
  readonly transport: 'stdio' | 'http' | 'unknown';
  /** Command words or URL. */
  readonly target: readonly string[];
  readonly disabled: boolean;
}
