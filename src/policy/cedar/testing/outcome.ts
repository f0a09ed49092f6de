import {
  compileSet,
  type EntityJson,
  loadEntities,
  ours,
  referee,
  type Uid,
  type Verdict,
} from './referee.ts';

/** What became of one condition. */
export type Outcome = 'true' | 'false' | 'error' | 'refused';

export interface Setting {
  readonly entities?: readonly EntityJson[];
  readonly context?: Record<string, unknown>;
  readonly principal?: Uid;
  readonly resource?: Uid;
}

/** Evaluates `permit … when { condition }`, or a whole policy, in both engines. */
export function outcomes(
  condition: string,
  setting: Setting = {},
): { wasm: Outcome; ours: Outcome } {
  const text = /^(permit|forbid) *\(/.test(condition)
    ? condition
    : `permit(principal, action, resource) when { ${condition} };`;
  const texts = { statics: { p: text } };
  const entities = setting.entities ?? [];
  const question = {
    principal: setting.principal ?? { type: 'A', id: 'x' },
    action: { type: 'Action', id: 'a' },
    resource: setting.resource ?? { type: 'R', id: 'r' },
    context: setting.context ?? {},
  };
  return {
    wasm: outcomeOf(referee(texts, entities, question)),
    ours: outcomeOf(ours(compileSet(texts), loadEntities(entities), question)),
  };
}

function outcomeOf(verdict: Verdict): Outcome {
  if ('refused' in verdict) return 'refused';
  if (verdict.errors.length > 0) return 'error';
  return verdict.decision === 'allow' ? 'true' : 'false';
}
