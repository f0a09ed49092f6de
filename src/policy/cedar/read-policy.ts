import type { Condition, PolicyAst, Scope, Slot, SlotScope } from './ast.ts';
import { asList, asObject, asText, EstRefusal, NodeBudget } from './est-reader.ts';
import { uidFromCedarJson } from './from-cedar-json.ts';
import type { CedarLimits } from './limits.ts';
import { readExpression } from './read-expression.ts';
import type { EntityUid } from './values.ts';

/** Reads a static policy or a template in Cedar's JSON format. @throws EstRefusal */
export function readPolicy(json: unknown, limits: CedarLimits): PolicyAst<Scope | SlotScope> {
  const policy = asObject(json, '');
  const effect = policy['effect'];
  if (effect !== 'permit' && effect !== 'forbid')
    throw new EstRefusal('effect', 'neither permit nor forbid');
  const budget = new NodeBudget(limits);
  return {
    effect,
    principal: readScope(policy['principal'], 'principal', '?principal'),
    action: readActionScope(policy['action']),
    resource: readScope(policy['resource'], 'resource', '?resource'),
    conditions: asList(policy['conditions'], 'conditions').map((condition, i) =>
      readCondition(condition, `conditions[${i}]`, budget),
    ),
    annotations: readAnnotations(policy['annotations'] ?? {}),
  };
}

function readCondition(json: unknown, at: string, budget: NodeBudget): Condition {
  const condition = asObject(json, at);
  const kind = condition['kind'];
  if (kind !== 'when' && kind !== 'unless') throw new EstRefusal(at, 'neither when nor unless');
  return { kind, body: readExpression(condition['body'], `${at}.body`, budget) };
}

function readAnnotations(json: unknown): Readonly<Record<string, string>> {
  const annotations: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(asObject(json, 'annotations'))) {
    annotations[name] = value === null ? '' : asText(value, 'annotations');
  }
  return annotations;
}

function readScope(json: unknown, at: string, slot: Slot): Scope | SlotScope {
  const scope = asObject(json, at);
  switch (scope['op']) {
    case 'All':
      return { op: 'all' };
    case '==':
      if (isSlot(scope, at, slot)) return { op: 'eq-slot', slot };
      return { op: 'eq', uid: readUid(scope['entity'], at) };
    case 'in':
      if (isSlot(scope, at, slot)) return { op: 'in-slot', slot };
      return { op: 'in', roots: [readUid(scope['entity'], at)] };
    case 'is': {
      const type = asText(scope['entity_type'], at);
      if (!Object.hasOwn(scope, 'in')) return { op: 'is', type };
      const inside = asObject(scope['in'], at);
      if (isSlot(inside, at, slot)) return { op: 'is-slot', type, slot };
      return { op: 'is', type, root: readUid(inside['entity'], at) };
    }
    default:
      throw new EstRefusal(at, 'an unknown scope operator');
  }
}

function isSlot(scope: Readonly<Record<string, unknown>>, at: string, slot: Slot): boolean {
  if (!Object.hasOwn(scope, 'slot')) return false;
  if (scope['slot'] !== slot) throw new EstRefusal(at, 'the slot of another part of the head');
  return true;
}

function readActionScope(json: unknown): Scope {
  const scope = asObject(json, 'action');
  switch (scope['op']) {
    case 'All':
      return { op: 'all' };
    case '==':
      return { op: 'eq', uid: readUid(scope['entity'], 'action') };
    case 'in': {
      const roots = Object.hasOwn(scope, 'entity')
        ? [scope['entity']]
        : asList(scope['entities'], 'action');
      return { op: 'in', roots: roots.map((root) => readUid(root, 'action')) };
    }
    default:
      throw new EstRefusal('action', 'an unknown scope operator');
  }
}

function readUid(json: unknown, at: string): EntityUid {
  const uid = uidFromCedarJson(json);
  if (uid.ok) return uid.value;
  throw new EstRefusal(at, uid.error.problem);
}
