/** Bounds of everything hostile or merely careless input can grow. All counts are inclusive maxima. */
export interface CedarLimits {
  /** UTF-8 bytes of the text of one policy. Checked by the loader, before any parser runs. */
  readonly policyTextBytes: number;
  /** Depth of brackets in policy text, and of the expression tree. */
  readonly nesting: number;
  /** Expression nodes of one policy. */
  readonly nodes: number;
  /** UTF-16 code units of all keys and strings of one converted value; oversize strings do not count. */
  readonly valueSize: number;
  readonly valueDepth: number;
  /** Elements of all sets plus attributes of all records of one converted value. */
  readonly valueElements: number;
  /** UTF-16 code units of one string; a longer one becomes an `OversizeString` (or is refused). */
  readonly stringLength: number;
  readonly entities: number;
  readonly parentsPerEntity: number;
  readonly ancestorsPerEntity: number;
  readonly policies: number;
  /** Units of heavy work (elements compared, characters matched / 16) one decision may spend. */
  readonly fuel: number;
}

export const DEFAULT_LIMITS: CedarLimits = {
  policyTextBytes: 64 * 1024,
  nesting: 40,
  nodes: 500,
  valueSize: 256 * 1024,
  valueDepth: 32,
  valueElements: 10_000,
  stringLength: 64 * 1024,
  entities: 200_000,
  parentsPerEntity: 64,
  ancestorsPerEntity: 1_000,
  policies: 20_000,
  fuel: 100_000,
};
