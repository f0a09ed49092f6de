import { err, ok, type Result } from '../../kernel/index.ts';
import type { EntityInput } from './entity-snapshot.ts';
import { EXTENSION_FUNCTIONS } from './extension-call.ts';
import { PolicyFault } from './fault.ts';
import { fitsInt64, toLong } from './int64.ts';
import { type CedarLimits, DEFAULT_LIMITS } from './limits.ts';
import type { Problem } from './model.ts';
import { CedarRecord, CedarSet, EntityUid, type Value } from './values.ts';

/** Functions that Cedar allows in `__extn`: the constructors, and `offset` for datetimes it printed itself. */
const EXTN = new Set(['ip', 'decimal', 'datetime', 'duration', 'offset']);

/** The reason a value was refused; caught in this file's callers only. */
class Refusal {
  readonly at: string;
  readonly problem: string;
  constructor(at: string, problem: string) {
    this.at = at;
    this.problem = problem;
  }
}

/**
 * Cedar's JSON form of a value, with `__entity` and `__extn`. Only for data that the operator wrote or this process
 * made; never for tool arguments, where it would let the caller name entities. Refuses null, floats, unsafe
 * integers and `__expr`.
 */
export function valueFromCedarJson(
  json: unknown,
  limits: CedarLimits = DEFAULT_LIMITS,
): Result<Value, Problem> {
  return attempt(() => new Reader(limits).value(json, '', 0));
}

/** A context or attributes in that form. */
export function recordFromCedarJson(
  json: unknown,
  limits: CedarLimits = DEFAULT_LIMITS,
): Result<CedarRecord, Problem> {
  return attempt(() => new Reader(limits).record(json, ''));
}

/** `{type, id}` or `{__entity: {type, id}}`. */
export function uidFromCedarJson(json: unknown): Result<EntityUid, Problem> {
  return attempt(() => readUid(json, ''));
}

/** An element of Cedar's entities file: `{uid, attrs, parents, tags?}`. */
export function entityFromCedarJson(
  json: unknown,
  limits: CedarLimits = DEFAULT_LIMITS,
): Result<EntityInput, Problem> {
  return attempt(() => {
    const entity = objectAt(json, '');
    const reader = new Reader(limits);
    const parents = entity['parents'] ?? [];
    if (!Array.isArray(parents)) throw new Refusal('parents', 'not a list');
    return {
      uid: readUid(entity['uid'], 'uid'),
      attrs: reader.record(entity['attrs'] ?? {}, 'attrs'),
      tags: reader.record(entity['tags'] ?? {}, 'tags'),
      parents: parents.map((parent: unknown, index) => readUid(parent, `parents[${index}]`)),
    };
  });
}

function attempt<T>(read: () => T): Result<T, Problem> {
  try {
    return ok(read());
  } catch (error) {
    if (error instanceof Refusal) return err({ at: error.at, problem: error.problem });
    throw error;
  }
}

type Json = Readonly<Record<string, unknown>>;

function objectAt(json: unknown, at: string): Json {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  throw new Refusal(at, 'not an object');
}

function readUid(json: unknown, at: string): EntityUid {
  const outer = objectAt(json, at);
  const inner = Object.hasOwn(outer, '__entity') ? objectAt(outer['__entity'], at) : outer;
  const type = inner['type'];
  const id = inner['id'];
  if (typeof type !== 'string' || typeof id !== 'string')
    throw new Refusal(at, 'not an entity reference');
  if (!type.isWellFormed() || !id.isWellFormed())
    throw new Refusal(at, 'a lone surrogate in an entity reference');
  return new EntityUid(type, id);
}

class Reader {
  readonly #limits: CedarLimits;
  #size = 0;
  #elements = 0;

  constructor(limits: CedarLimits) {
    this.#limits = limits;
  }

  record(json: unknown, at: string): CedarRecord {
    const value = this.value(json, at, 0);
    if (value instanceof CedarRecord) return value;
    throw new Refusal(at, 'not a record');
  }

  value(json: unknown, at: string, depth: number): Value {
    if (typeof json === 'boolean') return json;
    if (typeof json === 'string') return this.#string(json, at);
    if (typeof json === 'bigint' && fitsInt64(json)) return toLong(json);
    if (typeof json === 'number') {
      if (Number.isSafeInteger(json)) return json + 0;
      throw new Refusal(at, 'a number that is not an exact integer');
    }
    if (typeof json !== 'object' || json === null)
      throw new Refusal(at, `a value of type ${json === null ? 'null' : typeof json}`);
    if (depth >= this.#limits.valueDepth)
      throw new Refusal(at, `nested deeper than ${this.#limits.valueDepth}`);
    if (Array.isArray(json)) {
      this.#count(json.length, at);
      return new CedarSet(
        json.map((item: unknown, i) => this.value(item, `${at}[${i}]`, depth + 1)),
      );
    }
    const object = objectAt(json, at);
    if (Object.hasOwn(object, '__expr')) throw new Refusal(at, '`__expr` is not supported');
    if (Object.hasOwn(object, '__entity')) {
      only(object, '__entity', at);
      return readUid(object, at);
    }
    if (Object.hasOwn(object, '__extn')) {
      only(object, '__extn', at);
      return this.#extension(objectAt(object['__extn'], at), at, depth);
    }
    const names = Object.keys(object);
    this.#count(names.length, at);
    const fields = new Map<string, Value>();
    for (const name of names) {
      fields.set(
        this.#string(name, at),
        this.value(object[name], at === '' ? name : `${at}.${name}`, depth + 1),
      );
    }
    return new CedarRecord(fields);
  }

  #extension(call: Json, at: string, depth: number): Value {
    const name = call['fn'];
    const args: unknown = Object.hasOwn(call, 'arg') ? [call['arg']] : call['args'];
    const apply =
      typeof name === 'string' && EXTN.has(name) ? EXTENSION_FUNCTIONS.get(name) : undefined;
    if (apply === undefined) throw new Refusal(at, 'an unknown function in `__extn`');
    if (!Array.isArray(args) || args.length !== apply.arity)
      throw new Refusal(at, 'wrong arguments in `__extn`');
    try {
      return apply.apply(args.map((arg: unknown) => this.value(arg, at, depth + 1)));
    } catch (error) {
      throw error instanceof PolicyFault ? new Refusal(at, error.message) : error;
    }
  }

  #string(text: string, at: string): string {
    this.#size += text.length;
    if (text.length > this.#limits.stringLength || this.#size > this.#limits.valueSize) {
      throw new Refusal(at, 'longer than the limit');
    }
    if (!text.isWellFormed()) throw new Refusal(at, 'a lone surrogate in a string');
    return text;
  }

  #count(by: number, at: string): void {
    this.#elements += by;
    if (this.#elements > this.#limits.valueElements)
      throw new Refusal(at, 'more elements than the limit');
  }
}

/** An escape with company would be read differently by different readers. */
function only(object: Json, name: string, at: string): void {
  if (Object.keys(object).length !== 1)
    throw new Refusal(at, `\`${name}\` beside other attributes`);
}
