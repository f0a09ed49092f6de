import { type CedarLimits, DEFAULT_LIMITS } from './limits.ts';

/** Why a policy in JSON form was refused. Thrown inside the loader only; `compilePolicy` turns it into a value. */
export class EstRefusal {
  readonly at: string;
  readonly problem: string;
  constructor(at: string, problem: string) {
    this.at = at;
    this.problem = problem;
  }
}

export type Json = Readonly<Record<string, unknown>>;

/** Counts the nodes of one policy, which also bounds how deep the readers recurse. */
export class NodeBudget {
  readonly limits: CedarLimits;
  #nodes = 0;
  constructor(limits: CedarLimits = DEFAULT_LIMITS) {
    this.limits = limits;
  }
  spend(at: string): void {
    if (++this.#nodes > this.limits.nodes)
      throw new EstRefusal(at.slice(0, 200), `more than ${this.limits.nodes} expression nodes`);
  }
}

export function asObject(json: unknown, at: string): Json {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  throw new EstRefusal(at, 'not an object');
}

export function asList(json: unknown, at: string): readonly unknown[] {
  if (Array.isArray(json)) return json;
  throw new EstRefusal(at, 'not a list');
}

export function asText(json: unknown, at: string): string {
  if (typeof json === 'string' && json.isWellFormed()) return json;
  throw new EstRefusal(at, 'not a well-formed string');
}

/** The name and content of `{name: content}`; more or fewer members are refused. */
export function single(json: unknown, at: string): readonly [name: string, content: unknown] {
  const entries = Object.entries(asObject(json, at));
  const only = entries[0];
  if (only === undefined || entries.length !== 1)
    throw new EstRefusal(at, 'not exactly one member');
  return only;
}
