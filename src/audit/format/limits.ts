import { KIB, MIB } from '../../kernel/index.ts';

/** Longest JSON of one record in UTF-16 code units; beyond it `detail` becomes a digest. */
export const MAX_RECORD_LENGTH = 256 * KIB;

/** Longest text of any other field once a record has to be shortened. */
export const MAX_FIELD_LENGTH = 1 * KIB;

/** Longest line on disk: a record of three-byte characters, and its frame. Readers stop beyond it. */
export const MAX_LINE_BYTES = 1 * MIB;

/** Text collected into one write, in UTF-16 code units. */
export const MAX_BATCH_LENGTH = 4 * MIB;

/** What an interrupted write can leave behind at most: one batch, in bytes. */
export const MAX_TORN_BYTES = 3 * (MAX_BATCH_LENGTH + MAX_LINE_BYTES);

/** Read at once while scanning. */
export const CHUNK_BYTES = 256 * KIB;
