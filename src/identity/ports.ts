import type {
  Agent,
  AgentKey,
  Blueprint,
  BootstrapCredential,
  IdentityChange,
  OAuthClient,
  OAuthGrant,
  RevocationMark,
} from './model.ts';

/**
 * Persistence of the identity area. Lists are read at start into memory; every write is durable when
 * its promise resolves. Refusals a caller must handle are return values; anything else rejects.
 */
export interface IdentityStore {
  agents(): Promise<readonly Agent[]>;
  /** `taken` when the id or the name (of any agent, retired ones included) exists. */
  insertAgent(agent: Agent): Promise<'stored' | 'taken'>;
  /** Compare and set: writes only when the stored version is `expectedVersion`. */
  replaceAgent(agent: Agent, expectedVersion: number): Promise<boolean>;

  /** Removes an instance or sub-agent that is over, with its keys. Never called for registered agents. */
  deleteAgent(id: string): Promise<void>;

  blueprints(): Promise<readonly Blueprint[]>;
  /** Writes a blueprint, new or not. */
  putBlueprint(blueprint: Blueprint): Promise<void>;

  keys(): Promise<readonly AgentKey[]>;
  /** `taken` when the id or thumbprint exists, revoked keys included. */
  insertKey(key: AgentKey): Promise<'stored' | 'taken'>;
  revokeKey(id: string, at: number): Promise<void>;

  bootstraps(): Promise<readonly BootstrapCredential[]>;
  insertBootstrap(credential: BootstrapCredential): Promise<void>;
  revokeBootstrap(id: string, at: number): Promise<void>;
  deleteBootstrapsExpiredBefore(time: number): Promise<void>;

  marks(): Promise<readonly RevocationMark[]>;
  /** The higher sequence wins when the id has a mark already. */
  putMark(mark: RevocationMark): Promise<void>;
  deleteMarksBefore(sequence: number): Promise<void>;

  clients(): Promise<readonly OAuthClient[]>;
  insertClient(client: OAuthClient): Promise<void>;
  deleteClient(id: string): Promise<void>;

  grants(): Promise<readonly OAuthGrant[]>;
  insertGrant(grant: OAuthGrant): Promise<void>;
  /** Compare and set on the stored `refreshHash`, so that two rotations cannot both win. */
  replaceGrant(grant: OAuthGrant, expectedHash: string): Promise<boolean>;
  deleteGrant(id: string): Promise<void>;
}

/** The audit side. A rejection before a widening change stops the change. */
export type ChangeSink = (change: IdentityChange) => Promise<void> | void;

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

/** What the SQL store needs of a database; `?` placeholders, one statement per call. */
export interface SqlRunner {
  run(sql: string, params?: readonly SqlValue[]): Promise<{ readonly changes: number }>;
  all(sql: string, params?: readonly SqlValue[]): Promise<readonly SqlRow[]>;
}

/** One step of the schema; `version` rises within an area and a released step never changes. */
export interface Migration {
  readonly area: string;
  readonly version: number;
  readonly sql: string;
}

/** Verifies what a human typed on the consent page; undefined when it is wrong or used up. */
export type VerifyHuman = (
  secret: string,
) => Promise<{ readonly user: string } | undefined> | { readonly user: string } | undefined;
