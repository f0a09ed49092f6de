/** What the audit area needs of the outside; tests put faults behind it. */

/** A segment open for appending. */
export interface AuditFile {
  /** Appends; the number of bytes taken, which may be fewer than given. */
  write(bytes: Uint8Array): Promise<number>;
  /** The bytes written so far are on stable storage when it resolves. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface AuditFs {
  /** Opens for appending, mode 0600; `isNew` fails when the file exists. Never follows a link. */
  openAppend(path: string, isNew: boolean): Promise<AuditFile>;
  /** Names created in the directory survive a loss of power when it resolves. */
  syncDirectory(path: string): Promise<void>;
  /** Replaces a file as a whole or not at all, durably, mode 0600. */
  replaceFile(path: string, bytes: string | Uint8Array): Promise<void>;
}

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

/** What the index needs of a database; `?` placeholders, one statement per call. */
export interface SqlRunner {
  run(sql: string, values?: readonly SqlValue[]): Promise<{ readonly changes: number }>;
  all(sql: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]>;
}

export interface IndexDb extends SqlRunner {
  transaction<T>(body: (tx: SqlRunner) => Promise<T>): Promise<T>;
}

/** One step of the schema; `version` rises within an area and a released step never changes. */
export interface Migration {
  readonly area: string;
  readonly version: number;
  readonly sql: string;
}
