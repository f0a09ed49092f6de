import type { Scope } from './ast.ts';
import type { EntityNode } from './entity-snapshot.ts';
import { type EntityUid, sameUid } from './values.ts';

/** Does the head's part match? `node` is the entity itself, if it is resident. */
export function matchesScope(scope: Scope, uid: EntityUid, node: EntityNode | undefined): boolean {
  switch (scope.op) {
    case 'all':
      return true;
    case 'eq':
      return sameUid(scope.uid, uid);
    case 'in': {
      const roots = scope.roots;
      for (let i = 0; i < roots.length; i++) {
        const root = roots[i];
        if (root !== undefined && isUnder(uid, node, root)) return true;
      }
      return false;
    }
    case 'is':
      return (
        scope.type === uid.type && (scope.root === undefined || isUnder(uid, node, scope.root))
      );
  }
}

function isUnder(uid: EntityUid, node: EntityNode | undefined, root: EntityUid): boolean {
  return sameUid(uid, root) || node?.ancestors.has(root) === true;
}

/** The entities under which the index files a policy; undefined when only a scan finds it. */
export function scopeKeys(scope: Scope): readonly EntityUid[] | undefined {
  switch (scope.op) {
    case 'all':
      return undefined;
    case 'eq':
      return [scope.uid];
    case 'in':
      return scope.roots;
    case 'is':
      return scope.root === undefined ? undefined : [scope.root];
  }
}
