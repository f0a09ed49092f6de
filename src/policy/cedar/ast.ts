import type { PolicyEffect } from './model.ts';
import type { EntityUid, Value } from './values.ts';

export type Variable = 'principal' | 'action' | 'resource' | 'context';

export const BINARY_OPERATORS = [
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  'in',
  'contains',
  'containsAll',
  'containsAny',
  'hasTag',
  'getTag',
] as const;
export type BinaryOperator = (typeof BINARY_OPERATORS)[number];

/**
 * An expression after loading. Chains of `&&` and `||` are flat lists (both are associative, also in when they
 * check types), `is … in` is a conjunction, and constant sets, records and extension values are literals.
 */
export type Expr =
  | { readonly op: 'literal'; readonly value: Value }
  | { readonly op: 'variable'; readonly name: Variable }
  | { readonly op: 'and' | 'or'; readonly items: readonly Expr[] }
  | { readonly op: 'not' | 'negate' | 'isEmpty'; readonly of: Expr }
  | {
      readonly op: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expr;
      readonly right: Expr;
    }
  | { readonly op: 'get'; readonly of: Expr; readonly name: string }
  | { readonly op: 'has'; readonly of: Expr; readonly path: readonly string[] }
  | { readonly op: 'like'; readonly of: Expr; readonly segments: readonly string[] }
  | { readonly op: 'is'; readonly of: Expr; readonly type: string }
  | { readonly op: 'if'; readonly test: Expr; readonly yes: Expr; readonly no: Expr }
  | { readonly op: 'set'; readonly items: readonly Expr[] }
  | { readonly op: 'record'; readonly fields: readonly (readonly [name: string, value: Expr])[] }
  | { readonly op: 'call'; readonly name: string; readonly args: readonly Expr[] };

export interface Condition {
  readonly kind: 'when' | 'unless';
  readonly body: Expr;
}

/** One part of a policy's head. `is` may carry a hierarchy, `in` several roots (actions only). */
export type Scope =
  | { readonly op: 'all' }
  | { readonly op: 'eq'; readonly uid: EntityUid }
  | { readonly op: 'in'; readonly roots: readonly EntityUid[] }
  | { readonly op: 'is'; readonly type: string; readonly root?: EntityUid };

export type Slot = '?principal' | '?resource';

/** The part of a template's head that a link fills. */
export type SlotScope =
  | { readonly op: 'eq-slot' | 'in-slot'; readonly slot: Slot }
  | { readonly op: 'is-slot'; readonly type: string; readonly slot: Slot };

export interface PolicyAst<S = Scope> {
  readonly effect: PolicyEffect;
  readonly principal: S;
  readonly action: Scope;
  readonly resource: S;
  readonly conditions: readonly Condition[];
  readonly annotations: Readonly<Record<string, string>>;
}
