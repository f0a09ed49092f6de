import { AppError, type Clock } from '../../kernel/index.ts';
import { type AgentToolDetail, readDetails } from '../delegation/details.ts';
import type { Actor, Blueprint, IdentityChange } from '../model.ts';
import type { IdentityStore } from '../ports.ts';
import { digestOf, type RecordChange } from '../record-change.ts';
import { blueprintMark, type Revocations } from '../revocations.ts';

/** Levels below an agent when its blueprint says nothing else, and the most that can be said. */
export const DEFAULT_DEPTH = 5;
export const MAX_DEPTH = 7;
const DEFAULT_CHILDREN = 16;
const MAX_CHILDREN = 1000;
const MAX_BLUEPRINTS = 1000;
const MAX_PURPOSE = 1000;
const MAX_SPAWNABLE = 64;
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

/** What a human states about a blueprint. */
export interface BlueprintInput {
  readonly name: string;
  readonly purpose: string;
  /** `agent_tool` details without limits that bound every agent of this blueprint and all below it. */
  readonly ceiling?: unknown;
  /** What an agent of this blueprint gets when its parent asks for nothing in particular. */
  readonly needs?: unknown;
  /** Blueprints its agents may make children of. Empty: they may not delegate. */
  readonly maySpawn?: readonly string[];
  /** Levels of children below an agent of this blueprint; 5 unless said, 7 at most. */
  readonly maxDepth?: number;
  /** Children one agent may have at a time; 16 unless said. */
  readonly maxChildren?: number;
}

export interface Blueprints {
  get(name: string): Blueprint | undefined;
  list(): readonly Blueprint[];
  /** Whether `define` would take these facts; changes nothing. Throws `IDENTITY_INVALID`. */
  check(input: BlueprintInput): void;
  /**
   * A new blueprint, or other facts for an existing one. What was issued under the name so far is dead, and children made
   * under it stay so: a new bound holds for everything at once. Stating the same facts again changes nothing. Throws
   * `IDENTITY_INVALID`, `IDENTITY_LIMIT`.
   */
  define(input: BlueprintInput, by: Actor): Promise<Blueprint>;
  /**
   * The kill switch: one mark ends every token of every agent of this blueprint and of everything below them, and none of
   * them gets a new one. In force before the promise resolves. Throws `IDENTITY_UNKNOWN_BLUEPRINT`.
   */
  disable(name: string, by: Actor): Promise<void>;
  /** Agents of the blueprint may get tokens again; children that were cut stay cut. Throws `IDENTITY_UNKNOWN_BLUEPRINT`. */
  enable(name: string, by: Actor): Promise<void>;
}

export interface BlueprintsDeps {
  readonly store: IdentityStore;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly record: RecordChange;
}

export async function createBlueprints(deps: BlueprintsDeps): Promise<Blueprints> {
  const { store, revocations, clock, record } = deps;
  const known = new Map<string, Blueprint>();
  for (const stored of await store.blueprints()) known.set(stored.name, freeze(stored));
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  };
  const need = (name: string): Blueprint => {
    const found = known.get(name);
    if (found === undefined)
      throw new AppError('IDENTITY_UNKNOWN_BLUEPRINT', {
        params: { blueprint: name.replace(/[^\w./-]/g, '?').slice(0, 64) },
      });
    return found;
  };
  const change = (
    action: IdentityChange['action'],
    before: Blueprint | undefined,
    after: Blueprint,
    actor: Actor,
  ): IdentityChange => ({
    action,
    target: after.name,
    ...(before === undefined ? {} : { before: digestOf(before) }),
    after: digestOf(after),
    detail: { version: after.version },
    actor,
    at: after.updatedAt,
  });

  return {
    get: (name) => known.get(name),
    list: () => [...known.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    check: (input) => void check(input),
    define: (input, by) =>
      inTurn(async () => {
        const facts = check(input);
        const before = known.get(facts.name);
        const now = clock.now();
        if (before === undefined && known.size >= MAX_BLUEPRINTS)
          throw new AppError('IDENTITY_LIMIT', {
            params: { limit: MAX_BLUEPRINTS, what: 'blueprints' },
          });
        const after: Blueprint = freeze({
          ...facts,
          createdAt: before?.createdAt ?? now,
          updatedAt: now,
          version: (before?.version ?? 0) + 1,
          ...(before?.disabledAt === undefined ? {} : { disabledAt: before.disabledAt }),
        });
        if (before !== undefined && factsDigest(before) === factsDigest(after)) return before;
        await record(change('blueprint.define', before, after, by), 'widening', async () => {
          await store.putBlueprint(after);
          known.set(after.name, after);
        });
        await revocations.revoke(blueprintMark(after.name), by);
        return after;
      }),
    disable: (name, by) =>
      inTurn(async () => {
        const before = need(name);
        const now = clock.now();
        const after = freeze({
          ...before,
          disabledAt: now,
          updatedAt: now,
          version: before.version + 1,
        });
        known.set(name, after);
        await record(change('blueprint.disable', before, after, by), 'restricting', () =>
          Promise.all([revocations.revoke(blueprintMark(name), by), store.putBlueprint(after)]),
        );
      }),
    enable: (name, by) =>
      inTurn(async () => {
        const { disabledAt: _, ...before } = need(name);
        const after = freeze({
          ...before,
          updatedAt: clock.now(),
          version: before.version + 1,
        });
        await record(change('blueprint.enable', need(name), after, by), 'widening', async () => {
          await store.putBlueprint(after);
          known.set(name, after);
        });
      }),
  };
}

function check(
  input: BlueprintInput,
): Omit<Blueprint, 'createdAt' | 'updatedAt' | 'version' | 'disabledAt'> {
  if (!LABEL.test(input.name))
    throw invalid('name', 'use at most 128 letters, digits, `.`, `_`, `/` or `-`');
  const purpose = input.purpose.trim();
  if (purpose === '' || purpose.length > MAX_PURPOSE || !purpose.isWellFormed())
    throw invalid('purpose', `say in at most ${MAX_PURPOSE} characters what such agents are for`);
  const maySpawn = [...new Set(input.maySpawn ?? [])];
  if (maySpawn.length > MAX_SPAWNABLE || !maySpawn.every((name) => LABEL.test(name)))
    throw invalid('maySpawn', `name at most ${MAX_SPAWNABLE} blueprints`);
  return {
    name: input.name,
    purpose,
    ...(input.ceiling === undefined ? {} : { ceiling: details('ceiling', input.ceiling) }),
    ...(input.needs === undefined ? {} : { needs: details('needs', input.needs) }),
    maySpawn,
    maxDepth: integer('maxDepth', input.maxDepth ?? DEFAULT_DEPTH, MAX_DEPTH),
    maxChildren: integer('maxChildren', input.maxChildren ?? DEFAULT_CHILDREN, MAX_CHILDREN),
  };
}

function details(field: 'ceiling' | 'needs', value: unknown): readonly AgentToolDetail[] {
  const read = readDetails(value);
  if (!read.ok) throw invalid(field, read.problem);
  // A budget belongs to one grant; a bound that many agents share has none.
  if (field === 'ceiling' && read.details.some((detail) => detail.limits !== undefined))
    throw invalid(field, 'limits belong to a grant, not to a ceiling');
  return read.details;
}

function integer(field: string, value: number, most: number): number {
  if (!Number.isSafeInteger(value) || value < 0 || value > most)
    throw invalid(field, `use 0 to ${most}`);
  return value;
}

function factsDigest({ createdAt: _c, updatedAt: _u, version: _v, ...facts }: Blueprint): string {
  return digestOf(facts);
}

function freeze(blueprint: Blueprint): Blueprint {
  // Stored JSON loses what readDetails made of it; a damaged row must not become a wide ceiling.
  const reread = (value: readonly AgentToolDetail[] | undefined) => {
    if (value === undefined) return undefined;
    const read = readDetails(value);
    if (!read.ok) throw new AppError('IDENTITY_STORED_DAMAGED', { params: { what: 'blueprints' } });
    return read.details;
  };
  const ceiling = reread(blueprint.ceiling);
  const needs = reread(blueprint.needs);
  return Object.freeze({
    ...blueprint,
    ...(ceiling === undefined ? {} : { ceiling }),
    ...(needs === undefined ? {} : { needs }),
  });
}

function invalid(field: string, problem: string): AppError {
  return new AppError('IDENTITY_INVALID', { params: { field, problem } });
}
