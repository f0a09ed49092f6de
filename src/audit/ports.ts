/** What the log needs of a file system; injected so that tests can make the disk fail. */
export interface AppendFile {
  /** Writes all of it at the end, or fails. */
  write(data: Uint8Array, done: (error: Error | null) => void): void;
  /** fdatasync(2): the data is on stable storage when `done` runs without an error. */
  datasync(done: (error: Error | null) => void): void;
  close(): Promise<void>;
}

export interface AuditFs {
  /** Creates a new file (mode 0600, must not exist) and makes its directory entry durable. */
  create(path: string): Promise<AppendFile>;
  /** Opens a file for appending at `size`. */
  openAt(path: string, size: number): Promise<AppendFile>;
}

/** Signs and names heads; the private key never leaves it. */
export interface HeadSigner {
  readonly keyId: string;
  sign(data: Uint8Array): Uint8Array;
}
