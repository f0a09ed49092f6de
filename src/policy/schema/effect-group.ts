/** What a tool does to the world. `execute` is the most dangerous: it may do all the others do. */
export const EFFECT_GROUPS = [
  'read',
  'write',
  'execute',
  'spawn',
  'send',
  'delete',
  'pay',
] as const;
export type EffectGroup = (typeof EFFECT_GROUPS)[number];

export function isEffectGroup(value: unknown): value is EffectGroup {
  return (EFFECT_GROUPS as readonly unknown[]).includes(value);
}

/** What the operator accepted of one server's tools; the server's own word counts for nothing without it. */
export interface ServerEffects {
  /** Believe the annotations of tools that `tools` does not name. */
  readonly acceptAnnotations: boolean;
  readonly tools: ReadonlyMap<string, EffectGroup>;
}

export interface Classified {
  readonly group: EffectGroup;
  /** True when the operator named the group or accepted the annotations it follows from. */
  readonly accepted: boolean;
}

/**
 * The group of a tool: what the operator said, else what accepted annotations say, else `execute`. Annotations that
 * are missing, of the wrong type or contradictory are never accepted. Absent hints have the defaults of the MCP
 * specification: not read-only, destructive, open world.
 */
export function classifyTool(
  name: string,
  annotations: Readonly<Record<string, unknown>> | undefined,
  effects: ServerEffects | undefined,
): Classified {
  const named = effects?.tools.get(name);
  if (named !== undefined) return { group: named, accepted: true };
  const hinted = effects?.acceptAnnotations === true ? fromAnnotations(annotations) : undefined;
  return hinted === undefined
    ? { group: 'execute', accepted: false }
    : { group: hinted, accepted: true };
}

function fromAnnotations(
  annotations: Readonly<Record<string, unknown>> | undefined,
): EffectGroup | undefined {
  if (typeof annotations !== 'object' || annotations === null) return undefined;
  const hint = (name: string): unknown =>
    Object.hasOwn(annotations, name) ? annotations[name] : undefined;
  const readOnly = hint('readOnlyHint');
  const destructive = hint('destructiveHint');
  const openWorld = hint('openWorldHint');
  const wrong = [readOnly, destructive, openWorld].some(
    (value) => value !== undefined && typeof value !== 'boolean',
  );
  if (wrong || readOnly === undefined) return undefined;
  if (readOnly === true) return destructive === true ? undefined : 'read';
  if (destructive !== false) return 'delete';
  return openWorld === false ? 'write' : 'send';
}
