import { join } from 'node:path';
import { segmentName } from '../format/segments.ts';
import type { AuditFile, AuditFs } from '../ports.ts';

/** Appends batches durably, beginning a new segment when the last one is full. */
export interface SegmentWriter {
  /** One write and one fdatasync; `first` is the sequence number of the batch's first record. */
  commit(bytes: Uint8Array, first: number): Promise<void>;
  close(): Promise<void>;
}

export function createSegmentWriter(options: {
  readonly dir: string;
  readonly fs: AuditFs;
  readonly segmentBytes: number;
  /** The segment to go on with. */
  readonly current?: { readonly path: string; readonly size: number };
}): SegmentWriter {
  const { dir, fs, segmentBytes } = options;
  let file: AuditFile | undefined;
  let size = options.current?.size ?? 0;
  let resume = options.current?.path;

  const fileFor = async (first: number): Promise<AuditFile> => {
    if (file !== undefined && size < segmentBytes) return file;
    if (file === undefined && resume !== undefined && (size < segmentBytes || size === 0)) {
      file = await fs.openAppend(resume, false);
      resume = undefined;
      return file;
    }
    await file?.close();
    file = undefined;
    file = await fs.openAppend(join(dir, segmentName(first)), true);
    size = 0;
    // Without this the whole file could be gone after a loss of power.
    await fs.syncDirectory(dir);
    return file;
  };

  return {
    async commit(bytes, first) {
      const target = await fileFor(first);
      let done = 0;
      while (done < bytes.length) {
        const written = await target.write(done === 0 ? bytes : bytes.subarray(done));
        if (written <= 0) throw new Error('the disk took no bytes');
        done += written;
      }
      await target.datasync();
      size += bytes.length;
    },
    async close() {
      const open = file;
      file = undefined;
      await open?.close();
    },
  };
}
