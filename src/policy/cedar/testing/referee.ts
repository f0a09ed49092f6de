import { createRequire } from 'node:module';
import type * as Wasm from '@cedar-policy/cedar-wasm/nodejs';
import {
  authorize,
  type CompiledPolicy,
  compilePolicy,
  compileTemplate,
  EntitySnapshot,
  entityFromCedarJson,
  linkTemplate,
  PolicySet,
  recordFromCedarJson,
  uidFromCedarJson,
} from '../index.ts';

/** For tests only: cedar-wasm judges, and both engines answer in one form. */
export const cedar = createRequire(import.meta.url)(
  '@cedar-policy/cedar-wasm/nodejs',
) as typeof Wasm;

export interface Uid {
  readonly type: string;
  readonly id: string;
}

export interface Question {
  readonly principal: Uid;
  readonly action: Uid;
  readonly resource: Uid;
  readonly context: Record<string, unknown>;
}

export interface EntityJson {
  readonly uid: Uid;
  readonly attrs: Record<string, unknown>;
  readonly parents: readonly Uid[];
  readonly tags?: Record<string, unknown>;
}

export interface Link {
  readonly templateId: string;
  readonly newId: string;
  readonly values: Record<string, Uid>;
}

export interface PolicyTexts {
  readonly statics: Readonly<Record<string, string>>;
  readonly templates?: Readonly<Record<string, string>>;
  readonly links?: readonly Link[];
}

/** `refused` when an engine takes policies, entities or context for illegal. */
export type Verdict =
  | { readonly refused: string }
  | {
      readonly decision: string;
      readonly reasons: readonly string[];
      readonly errors: readonly string[];
    };

export function wasmSet(texts: PolicyTexts): Wasm.PolicySet {
  return {
    staticPolicies: { ...texts.statics },
    templates: { ...texts.templates },
    templateLinks: (texts.links ?? []).map((link) => ({ ...link, values: { ...link.values } })),
  };
}

/** cedar-wasm's answer; `preparsed` names a set given to `preparsePolicySet`. */
export function referee(
  policies: PolicyTexts | { readonly preparsed: string },
  entities: readonly EntityJson[],
  question: Question,
): Verdict {
  const call = {
    ...question,
    entities: entities as Wasm.Entities,
    context: question.context as Wasm.Context,
  };
  const answer =
    'preparsed' in policies
      ? cedar.statefulIsAuthorized({ ...call, preparsedPolicySetId: policies.preparsed })
      : cedar.isAuthorized({ ...call, policies: wasmSet(policies) });
  if (answer.type === 'failure') return { refused: answer.errors[0]?.message ?? '' };
  const { decision, diagnostics } = answer.response;
  return {
    decision,
    reasons: [...diagnostics.reason].sort(),
    errors: diagnostics.errors.map((error) => error.policyId).sort(),
  };
}

export function mustCompile(id: string, text: string): CompiledPolicy {
  const policy = compileText(id, text);
  if (typeof policy === 'string') throw new Error(`${policy}: ${text}`);
  return policy;
}

export function compileText(id: string, text: string): CompiledPolicy | string {
  const parsed = cedar.policyToJson(text);
  if (parsed.type === 'failure') return parsed.errors[0]?.message ?? '';
  const policy = compilePolicy(id, parsed.json);
  return policy.ok ? policy.value : policy.error.problem;
}

export function compileSet(texts: PolicyTexts): PolicySet | string {
  const policies: CompiledPolicy[] = [];
  for (const [id, text] of Object.entries(texts.statics)) {
    const policy = compileText(id, text);
    if (typeof policy === 'string') return policy;
    policies.push(policy);
  }
  for (const link of texts.links ?? []) {
    const parsed = cedar.templateToJson(texts.templates?.[link.templateId] ?? '');
    if (parsed.type === 'failure') return parsed.errors[0]?.message ?? '';
    const template = compileTemplate(link.templateId, parsed.json);
    if (!template.ok) return template.error.problem;
    const value = (slot: string) => {
      const uid = uidFromCedarJson(link.values[slot]);
      return uid.ok ? uid.value : undefined;
    };
    const principal = value('?principal');
    const resource = value('?resource');
    const linked = linkTemplate(template.value, link.newId, {
      ...(principal === undefined ? {} : { principal }),
      ...(resource === undefined ? {} : { resource }),
    });
    if (!linked.ok) return linked.error.problem;
    policies.push(linked.value);
  }
  const set = PolicySet.empty.with({ put: policies });
  return set.ok ? set.value : set.error.problem;
}

export function loadEntities(entities: readonly EntityJson[]): EntitySnapshot | string {
  const put = [];
  for (const json of entities) {
    const entity = entityFromCedarJson(json);
    if (!entity.ok) return entity.error.problem;
    put.push(entity.value);
  }
  const snapshot = EntitySnapshot.empty.with({ put });
  return snapshot.ok ? snapshot.value : snapshot.error.problem;
}

/** Our answer to the same. */
export function ours(
  policies: PolicySet | string,
  entities: EntitySnapshot | string,
  question: Question,
): Verdict & { readonly aborted?: string } {
  if (typeof policies === 'string') return { refused: policies };
  if (typeof entities === 'string') return { refused: entities };
  const context = recordFromCedarJson(question.context);
  const uids = [question.principal, question.action, question.resource].map((uid) =>
    uidFromCedarJson(uid),
  );
  const [principal, action, resource] = uids;
  if (!context.ok) return { refused: context.error.problem };
  if (!principal?.ok || !action?.ok || !resource?.ok) return { refused: 'uid' };
  const { decision, reasons, errors, aborted } = authorize(
    { policies, entities },
    {
      principal: principal.value,
      action: action.value,
      resource: resource.value,
      context: context.value,
    },
  );
  return {
    decision,
    reasons,
    errors: errors.map((error) => error.policyId).sort(),
    ...(aborted === undefined ? {} : { aborted }),
  };
}
