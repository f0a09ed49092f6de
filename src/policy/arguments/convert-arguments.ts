import { DEFAULT_LIMITS } from '../cedar/limits.ts';
import { CedarRecord, CedarSet, OversizeString, type Value } from '../cedar/values.ts';
import type { JsonValue } from '../model.ts';
import type { ArgumentType, RecordType } from './argument-type.ts';
import { readDatetime, readDecimal, readIp, readLong } from './convert-scalar.ts';
import { CEDAR_ESCAPES } from './read-input-schema.ts';

/** Names of arguments that no property declares, at any depth; beyond this many the call is refused. */
export const MAX_EXTRA_NAMES = 64;
const MAX_EXTRA_NAME = 256;

export type Arguments = { readonly [key: string]: JsonValue };

export type Converted =
  | {
      readonly ok: true;
      readonly input: CedarRecord;
      readonly extra: readonly string[];
      /** Top-level arguments that are there and that policy can't see: opaque and undeclared ones. */
      readonly unseen: readonly string[];
    }
  /** `at` names the argument; neither field ever holds a value of the caller. */
  | { readonly ok: false; readonly at: string; readonly problem: string };

export type ArgumentConverter = (args: Arguments | undefined) => Converted;

/** The state of one conversion. A converter that returns undefined has set `problem`. */
interface Run {
  elements: number;
  extra: string[];
  unseen: string[];
  at: string;
  problem: string;
}

type Convert = (value: JsonValue, at: string, run: Run) => Value | undefined;

const NO_EXTRA: readonly string[] = [];

/**
 * Stands for an argument that is there and has no Cedar type, because the tool does not declare it or not exactly. It
 * passes as long as no policy judges by it. One that does denies the call: were the argument absent for policy, a server
 * that describes its tool in another way would switch off every forbid that asks `has` first.
 */
const UNSEEN = new OversizeString(0);
/** Arguments of a tool of which nothing is known. */
const MAX_UNSEEN = 1_000;

/**
 * Builds the converter of one tool's arguments; called once per tool, not per call. The converter guarantees that
 * every attribute of its record has the declared type or can't be read, refuses what is mistyped or missing, rounds
 * nothing, and reports undeclared names instead of dropping them silently. It never throws.
 */
export function compileConverter(type: RecordType): ArgumentConverter {
  const convert = record(type);
  return (args) => {
    const run: Run = { elements: 0, extra: [], unseen: [], at: '', problem: '' };
    const input = convert(args ?? {}, '', run);
    if (input instanceof CedarRecord)
      return {
        ok: true,
        input,
        extra: run.extra.length === 0 ? NO_EXTRA : run.extra,
        unseen: run.unseen.length === 0 ? NO_EXTRA : run.unseen,
      };
    return { ok: false, at: run.at, problem: run.problem };
  };
}

/** For a tool whose schema says nothing: policy knows which arguments are there and can judge by none of them. */
export function unseenArguments(args: Arguments | undefined): Converted {
  const names = Object.keys(args ?? {});
  if (names.length > MAX_UNSEEN)
    return { ok: false, at: '', problem: `have more than ${MAX_UNSEEN} properties` };
  const unseen = names.filter(isAttribute);
  const values = unseen.map(() => UNSEEN);
  return { ok: true, input: CedarRecord.of(unseen, values), extra: NO_EXTRA, unseen };
}

/** What an attribute of a record may be called; nothing else can a policy ask for. */
const isAttribute = (name: string): boolean =>
  name.length <= MAX_EXTRA_NAME && name.isWellFormed() && !CEDAR_ESCAPES.has(name);

function refuse(run: Run, at: string, problem: string): undefined {
  run.at = at;
  run.problem = problem;
  return undefined;
}

function counted(run: Run, at: string, more: number): boolean {
  run.elements += more;
  if (run.elements <= DEFAULT_LIMITS.valueElements) return true;
  refuse(run, at, `has more than ${DEFAULT_LIMITS.valueElements} elements`);
  return false;
}

function compile(type: ArgumentType): Convert {
  switch (type.kind) {
    case 'string':
      return text(type.values);
    case 'boolean':
      return (value, at, run) =>
        typeof value === 'boolean' ? value : refuse(run, at, 'must be true or false');
    case 'long':
      return scalar(readLong, 'must be an integer of at most 64 bits');
    case 'decimal':
      return decimal;
    case 'datetime':
      return scalar(readDatetime, 'must be a date, or a date and time, as in RFC 3339');
    case 'ip':
      return scalar(readIp, 'must be an IP address');
    case 'set':
      return list(compile(type.element));
    case 'record':
      return record(type);
    case 'opaque':
      return () => false;
  }
}

function scalar(read: (value: JsonValue) => Value | undefined, problem: string): Convert {
  return (value, at, run) => read(value) ?? refuse(run, at, problem);
}

/**
 * A number that Cedar's decimal can't hold exactly is a number all the same: the call is fine as long as no policy
 * judges by it. One that does errs on it, and so denies; it is never rounded into an answer.
 */
function decimal(value: JsonValue, at: string, run: Run): Value | undefined {
  const exact = readDecimal(value);
  if (exact !== undefined) return exact;
  if ((typeof value === 'number' && Number.isFinite(value)) || typeof value === 'bigint')
    return new OversizeString(0);
  return refuse(run, at, 'must be a number');
}

function text(values: ReadonlySet<string> | undefined): Convert {
  return (value, at, run) => {
    if (typeof value !== 'string') return refuse(run, at, 'must be a string');
    if (value.length > DEFAULT_LIMITS.stringLength) return new OversizeString(value.length);
    if (values !== undefined && !values.has(value))
      return refuse(run, at, 'must be one of the values that the tool lists');
    return value;
  };
}

function list(element: Convert): Convert {
  return (value, at, run) => {
    if (!Array.isArray(value)) return refuse(run, at, 'must be a list');
    if (!counted(run, at, value.length)) return undefined;
    const items: Value[] = [];
    for (const part of value as readonly JsonValue[]) {
      const item = element(part, `${at}[]`, run);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return new CedarSet(items);
  };
}

interface Field {
  readonly name: string;
  readonly convert: Convert | undefined;
  readonly required: boolean;
  readonly nullable: boolean;
}

function record(type: RecordType): Convert {
  const fields: Field[] = [...type.properties].map(([name, property]) => ({
    name,
    convert: property.type.kind === 'opaque' ? undefined : compile(property.type),
    required: property.required,
    nullable: property.nullable,
  }));
  const declared = new Set(type.properties.keys());
  return (value, at, run) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return refuse(run, at, 'must be an object');
    const given = value as Arguments;
    const present: string[] = [];
    const values: Value[] = [];
    let seen = 0;
    for (const field of fields) {
      const part = Object.hasOwn(given, field.name) ? given[field.name] : undefined;
      if (part === undefined) {
        if (field.required) return refuse(run, join(at, field.name), 'is missing');
        continue;
      }
      seen++;
      // Models write null for an optional argument they don't use; to policy that is an absent one.
      if (part === null && (field.nullable || !field.required)) continue;
      if (field.convert === undefined) {
        if (!isAttribute(field.name)) continue;
        present.push(field.name);
        values.push(UNSEEN);
        if (at === '') run.unseen.push(field.name);
        continue;
      }
      const path = at === '' ? field.name : join(at, field.name);
      const converted = field.convert(part, path, run);
      if (converted === undefined) return undefined;
      present.push(field.name);
      values.push(converted);
    }
    if (!counted(run, at, values.length)) return undefined;
    const names = Object.keys(given);
    if (names.length === seen) return CedarRecord.of(present, values);
    for (const name of names) {
      if (declared.has(name)) continue;
      if (run.extra.length >= MAX_EXTRA_NAMES)
        return refuse(run, at, `has more than ${MAX_EXTRA_NAMES} undeclared properties`);
      const path = join(at, name).slice(0, MAX_EXTRA_NAME);
      if (!run.extra.includes(path)) run.extra.push(path);
      if (given[name] === null || !isAttribute(name)) continue;
      present.push(name);
      values.push(UNSEEN);
      if (at === '') run.unseen.push(name);
    }
    return CedarRecord.of(present, values);
  };
}

function join(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`;
}
