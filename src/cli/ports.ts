import type { Clock, ConfigSchema, Random } from '../kernel/index.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Where an installation keeps its files. */
export interface DataDirectoryPaths {
  readonly path: string;
  readonly audit: string;
  readonly identity: string;
  readonly adminTokenFile: string;
  readonly runFile: string;
}

export interface StartRequest {
  readonly dataDir: string | undefined;
  readonly config: string | undefined;
  /** Dotted paths of the configuration that flags replace. */
  readonly overrides: Readonly<Record<string, unknown>>;
  /** Asks the person at the terminal; false when nobody can answer. */
  readonly ask: (question: string) => Promise<boolean>;
}

/** A gateway that runs inside this process. */
export interface StartedGateway {
  readonly mcpUrl: string;
  readonly adminUrl: string;
  readonly adminToken: string;
  readonly dataDir: string;
  readonly configFile: string | undefined;
  /** Nothing was configured, so the demo runs. */
  readonly demo: boolean;
  readonly agents: readonly {
    readonly name: string;
    readonly owner: string;
    readonly state: string;
  }[];
  readonly servers: readonly string[];
  /** Connects to every server; `onServer` hears of each when it is ready or has failed. */
  warm(
    onServer?: (name: string, problem: string | undefined) => void,
  ): Promise<ReadonlyMap<string, string | undefined>>;
  /** A bootstrap token for each usable agent of the configuration. */
  issueTokens(): Promise<readonly { readonly name: string; readonly token: string }[]>;
  /** A one-time code for the status page. */
  loginCode(): string;
  reload(): Promise<void>;
  /** Drains and closes. */
  stop(): Promise<void>;
}

/** What the CLI needs to know of the configuration, without knowing its sections. */
export interface ConfigFacts {
  readonly file: string | undefined;
  /** Effective values; secrets are references or replaced. */
  readonly printable: unknown;
  readonly policyDir: string;
  readonly policyMode: 'enforce' | 'observe';
  readonly agents: readonly {
    readonly name: string;
    readonly owner: string;
    readonly groups: readonly string[];
  }[];
  readonly servers: readonly ServerFacts[];
}

export interface ServerFacts {
  readonly name: string;
  readonly transport: 'stdio' | 'http';
  /** Command line or URL; what may be secret is replaced. */
  readonly target: string;
  readonly enabled: boolean;
}

export interface DoctorLine {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly message: string;
  /** The command that repairs it, or what to do. */
  readonly fix?: string;
}

export interface DoctorRequest {
  readonly dataDir: string | undefined;
  readonly config: string | undefined;
}

export interface OutputStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export type InputStream = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };

/** What the root of the program gives the CLI; the CLI itself knows neither the process nor the composition. */
export interface CliPorts {
  readonly version: string;
  readonly env: Env;
  readonly cwd: string;
  readonly home: string;
  readonly platform: string;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly clock: Clock;
  readonly random: Random;
  /** How to run this program again. */
  readonly self: { readonly node: string; readonly entry: string };
  readonly pid: number;
  /** Aborted by the first SIGINT or SIGTERM; a second signal ends the process at once. */
  readonly interrupted: AbortSignal;
  onHangup(listener: () => void): void;
  dataDirectory(named: string | undefined): DataDirectoryPaths;
  /** The file that `up` would use; undefined when there is none. */
  findConfig(named: string | undefined, dataDir: string): Promise<string | undefined>;
  /** Validates; throws `CONFIG_INVALID` with every problem at its place. `text` stands for the file's content. */
  readConfig(file: string | undefined, dataDir: string, text?: string): Promise<ConfigFacts>;
  configSchema(): Promise<ConfigSchema<unknown>>;
  startGateway(request: StartRequest): Promise<StartedGateway>;
  runDoctor(request: DoctorRequest): Promise<readonly DoctorLine[]>;
}
