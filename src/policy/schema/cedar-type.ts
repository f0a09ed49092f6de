import type { ArgumentType, RecordType } from '../arguments/argument-type.ts';

/** A type in Cedar's JSON schema form. */
export interface CedarType {
  readonly type: string;
  readonly name?: string;
  readonly element?: CedarType;
  readonly attributes?: Readonly<Record<string, CedarType & { readonly required: boolean }>>;
}

/** The Cedar type of an argument; undefined for an opaque one, which gets no attribute. */
export function cedarType(type: ArgumentType): CedarType | undefined {
  switch (type.kind) {
    case 'string':
      return { type: 'String' };
    case 'boolean':
      return { type: 'Boolean' };
    case 'long':
      return { type: 'Long' };
    case 'decimal':
    case 'datetime':
      return { type: 'Extension', name: type.kind };
    case 'ip':
      return { type: 'Extension', name: 'ipaddr' };
    case 'set': {
      const element = cedarType(type.element);
      return element === undefined ? undefined : { type: 'Set', element };
    }
    case 'record':
      return cedarRecord(type);
    case 'opaque':
      return undefined;
  }
}

export function cedarRecord(type: RecordType): CedarType {
  return recordOf(type, (property) => cedarType(property));
}

/** The record of views: each string, or list of strings, that the tool takes at the top level. */
export function viewsRecord(type: RecordType, view: 'PathView' | 'UrlView'): CedarType {
  return recordOf(type, (property) => (hasViews(property) ? { type: view } : undefined));
}

export function hasViews(type: ArgumentType): boolean {
  return type.kind === 'string' || (type.kind === 'set' && type.element.kind === 'string');
}

function recordOf(
  type: RecordType,
  of: (property: ArgumentType) => CedarType | undefined,
): CedarType {
  const attributes: Record<string, CedarType & { required: boolean }> = Object.create(null);
  for (const [name, property] of type.properties) {
    const cedar = of(property.type);
    if (cedar === undefined) continue;
    attributes[name] = { ...cedar, required: property.required && !property.nullable };
  }
  return { type: 'Record', attributes };
}
