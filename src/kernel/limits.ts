/**
 * Bounds that more than one area relies on. A bound that only one area needs is a named constant
 * beside its use; defaults that an operator may change live in the config section of their area.
 */
export const KIB = 1024;
export const MIB = 1024 * KIB;

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Deepest nesting of arrays and objects that any parser or writer of ours accepts. */
export const MAX_JSON_DEPTH = 128;

/** Longest canonical text in UTF-16 code units; also ends shared-reference blow-ups early. */
export const MAX_CANONICAL_LENGTH = 16 * MIB;

/** Largest configuration file. */
export const MAX_CONFIG_BYTES = 1 * MIB;

/** Largest secret that a reference may resolve to (a PEM chain fits many times over). */
export const MAX_SECRET_BYTES = 64 * KIB;

/** Largest message on the bus, after UTF-8 encoding. */
export const MAX_BUS_PAYLOAD_BYTES = 1 * MIB;
