import { err, ok, type Result } from '../../kernel/index.ts';
import { AncestorSet } from './ancestor-set.ts';
import type { EntityChange, EntityInput, EntityNode, EntitySnapshot } from './entity-snapshot.ts';
import type { Problem } from './model.ts';
import { uidBits } from './uid-bits.ts';
import { UidChanges } from './uid-map.ts';
import { type EntityUid, sameUid } from './values.ts';

type Parents = (uid: EntityUid) => readonly EntityUid[] | undefined;

/** Works out which nodes a change creates, replaces and removes, or why it is refused. Touches nothing. */
export function planEntityChange(
  before: EntitySnapshot,
  change: EntityChange,
): Result<UidChanges<EntityNode>, Problem> {
  const given = new UidChanges<EntityInput>();
  for (const uid of change.remove ?? []) given.set(uid, undefined);
  for (const input of change.put ?? []) {
    if (given.has(input.uid)) return refuse(input.uid, 'the entity is listed twice');
    if (input.parents.length > before.limits.parentsPerEntity) {
      return refuse(input.uid, `more than ${before.limits.parentsPerEntity} parents`);
    }
    given.set(input.uid, input);
  }
  const parentsAfter: Parents = (uid) =>
    given.has(uid) ? given.get(uid)?.parents : before.find(uid)?.parents;

  const plan = new UidChanges<EntityNode>();
  const moved = new UidChanges<true>();
  let reshaped = false;
  for (const uid of change.remove ?? []) {
    if (before.find(uid) === undefined) continue;
    plan.set(uid, undefined);
    moved.set(uid, true);
    reshaped = true;
  }
  for (const input of change.put ?? []) {
    const ancestors = climb(input.uid, parentsAfter, before.limits.ancestorsPerEntity);
    if (!ancestors.ok) return ancestors;
    plan.set(input.uid, node(input, ancestors.value));
    const old = before.find(input.uid);
    if (old !== undefined && !sameParents(old.parents, input.parents)) {
      moved.set(input.uid, true);
      reshaped = true;
    }
  }
  if (reshaped) {
    const refused = rebuildDescendants(before, moved, parentsAfter, plan);
    if (refused !== undefined) return err(refused);
  }
  return ok(plan);
}

/** A descendant of something that moved was its descendant before, too, or was written in this very change. */
function rebuildDescendants(
  before: EntitySnapshot,
  moved: UidChanges<true>,
  parentsAfter: Parents,
  plan: UidChanges<EntityNode>,
): Problem | undefined {
  for (const old of before.nodes()) {
    if (plan.has(old.uid) || !old.ancestors.list.some((uid) => moved.has(uid))) continue;
    const ancestors = climb(old.uid, parentsAfter, before.limits.ancestorsPerEntity);
    if (!ancestors.ok) return ancestors.error;
    plan.set(old.uid, node(old, ancestors.value));
  }
  return undefined;
}

/** All ancestors after the change; refuses cycles, missing parents and too many. */
function climb(start: EntityUid, parentsOf: Parents, max: number): Result<AncestorSet, Problem> {
  const direct = parentsOf(start) ?? [];
  if (direct.length === 0) return ok(AncestorSet.none);
  const seen = new UidChanges<true>();
  const list: EntityUid[] = [];
  const todo = [...direct];
  for (let uid = todo.pop(); uid !== undefined; uid = todo.pop()) {
    if (sameUid(uid, start)) return refuse(start, 'the entity would be its own ancestor');
    if (seen.has(uid)) continue;
    seen.set(uid, true);
    list.push(uid);
    if (list.length > max) return refuse(start, `more than ${max} ancestors`);
    const next = parentsOf(uid);
    if (next === undefined) return refuse(start, `the parent ${nameOf(uid)} does not exist`);
    todo.push(...next);
  }
  return ok(new AncestorSet(list));
}

function node(input: EntityInput, ancestors: AncestorSet): EntityNode {
  const { uid, attrs, tags, parents } = input;
  return { uid, attrs, tags, parents, ancestors, mask: uidBits(uid) | ancestors.mask };
}

function sameParents(a: readonly EntityUid[], b: readonly EntityUid[]): boolean {
  return a.length === b.length && a.every((uid) => b.some((other) => sameUid(uid, other)));
}

function refuse(uid: EntityUid, problem: string): { ok: false; error: Problem } {
  return err({ at: nameOf(uid), problem });
}

/** Cedar notation, cut short: ids may come from outside. */
function nameOf(uid: EntityUid): string {
  return `${uid.type.slice(0, 100)}::${JSON.stringify(uid.id.slice(0, 100))}`;
}
