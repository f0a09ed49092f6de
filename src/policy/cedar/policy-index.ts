import type { CompiledPolicy } from './compile-policy.ts';
import { scopeKeys } from './scope.ts';
import { uidBits } from './uid-bits.ts';
import { UidChanges, UidMap } from './uid-map.ts';
import { EntityUid } from './values.ts';

/** The parts of a head, in the order in which the index splits on them. */
export const DIMENSIONS = ['principal', 'resource', 'action'] as const;

/**
 * A decision tree over the heads. A leaf is scanned; a split finds, per entity, the policies filed under it, and
 * keeps those without such an entity in `rest`. Leaves split when they outgrow `LEAF`, so a decision only ever sees
 * policies whose scope it shares, plus a handful. Immutable: a change copies the path to what it touches.
 */
export type IndexNode = IndexLeaf | IndexSplit;

export interface IndexLeaf {
  readonly policies: readonly CompiledPolicy[];
  /** Three numbers per policy: bits that the masks of principal, resource and action must contain. */
  readonly guards: Int32Array;
}

export interface IndexSplit {
  /** Index into DIMENSIONS. */
  readonly dimension: number;
  readonly children: UidMap<IndexNode>;
  readonly rest: IndexNode;
}

const LEAF = 8;
export const EMPTY_INDEX: IndexNode = leaf([]);

export function isSplit(node: IndexNode): node is IndexSplit {
  return 'children' in node;
}

/** Builds the tree at once, which for many policies is far cheaper than inserting them. */
export function buildIndex(policies: readonly CompiledPolicy[], from = 0): IndexNode {
  if (policies.length <= LEAF) return leaf(policies);
  for (let dimension = from; dimension < DIMENSIONS.length; dimension++) {
    if (!policies.some((policy) => keysAt(policy, dimension) !== undefined)) continue;
    const groups = new UidChanges<CompiledPolicy[]>();
    const rest: CompiledPolicy[] = [];
    for (const policy of policies) {
      const keys = keysAt(policy, dimension);
      if (keys === undefined) rest.push(policy);
      for (const uid of keys ?? []) {
        const group = groups.get(uid);
        if (group === undefined) groups.set(uid, [policy]);
        else if (group[group.length - 1] !== policy) group.push(policy);
      }
    }
    const children = new UidChanges<IndexNode>();
    for (const ids of groups.byType) {
      for (const [id, group] of ids[1]) {
        if (group !== undefined)
          children.set(new EntityUid(ids[0], id), buildIndex(group, dimension + 1));
      }
    }
    return {
      dimension,
      children: UidMap.empty<IndexNode>().with(children),
      rest: buildIndex(rest, dimension + 1),
    };
  }
  return leaf(policies);
}

export function insert(node: IndexNode, policy: CompiledPolicy, from = 0): IndexNode {
  if (!isSplit(node)) return buildIndex([...node.policies, policy], from);
  return atKeys(node, policy, (child) => insert(child, policy, node.dimension + 1));
}

export function remove(node: IndexNode, policy: CompiledPolicy): IndexNode {
  if (!isSplit(node)) return leaf(node.policies.filter((other) => other !== policy));
  return atKeys(node, policy, (child) => remove(child, policy));
}

function atKeys(
  node: IndexSplit,
  policy: CompiledPolicy,
  apply: (child: IndexNode) => IndexNode,
): IndexNode {
  const keys = keysAt(policy, node.dimension);
  if (keys === undefined) return { ...node, rest: apply(node.rest) };
  const changes = new UidChanges<IndexNode>();
  for (const uid of keys) {
    if (changes.has(uid)) continue;
    const child = apply(node.children.get(uid) ?? EMPTY_INDEX);
    changes.set(uid, !isSplit(child) && child.policies.length === 0 ? undefined : child);
  }
  return { ...node, children: node.children.with(changes) };
}

function keysAt(policy: CompiledPolicy, dimension: number): readonly EntityUid[] | undefined {
  const name = DIMENSIONS[dimension];
  return name === undefined ? undefined : scopeKeys(policy[name]);
}

function leaf(policies: readonly CompiledPolicy[]): IndexLeaf {
  const guards = new Int32Array(policies.length * DIMENSIONS.length);
  for (const [i, policy] of policies.entries()) {
    for (const [j, name] of DIMENSIONS.entries()) {
      const keys = scopeKeys(policy[name]);
      const only = keys?.[0];
      if (only !== undefined && keys?.length === 1)
        guards[i * DIMENSIONS.length + j] = uidBits(only);
    }
  }
  return { policies, guards };
}
