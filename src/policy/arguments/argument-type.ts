/**
 * What policy knows of an argument. One value of this type yields both the Cedar type that policies are validated
 * against and the converter that fills it, so the two cannot disagree.
 */
export type ArgumentType =
  | { readonly kind: 'string'; readonly values?: ReadonlySet<string> }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'long' }
  | { readonly kind: 'decimal' }
  | { readonly kind: 'datetime' }
  | { readonly kind: 'ip' }
  | { readonly kind: 'set'; readonly element: ArgumentType }
  | RecordType
  /** Present for the tool, absent for policy: no constraint on it is possible. */
  | { readonly kind: 'opaque'; readonly why: string };

export interface RecordType {
  readonly kind: 'record';
  readonly properties: ReadonlyMap<string, PropertyType>;
}

export interface PropertyType {
  readonly type: ArgumentType;
  readonly required: boolean;
  /** `null` is accepted and means absent. */
  readonly nullable: boolean;
}

export const OPAQUE = (why: string): ArgumentType => ({ kind: 'opaque', why });
