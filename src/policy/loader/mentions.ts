export interface Mentions {
  /** Namespaces of action and entity types: the encoded names of servers. */
  readonly namespaces: ReadonlySet<string>;
  /** Entities of the root types, as `Agent::"reader"` is `["Agent", "reader"]`. */
  readonly entities: readonly (readonly [type: string, id: string])[];
  /** Actions of servers, as `fs::Action::"get"` is `["fs", "get"]`. */
  readonly actions: readonly (readonly [namespace: string, id: string])[];
}

const ACTION = '::Action';

const known = new WeakMap<object, Mentions>();

/** Everything a policy names, from its JSON form; found once per form. Iterative: policies may be deep. */
export function mentionsOf(est: unknown): Mentions {
  if (typeof est !== 'object' || est === null) return collect(est);
  let mentions = known.get(est);
  if (mentions === undefined) {
    mentions = collect(est);
    known.set(est, mentions);
  }
  return mentions;
}

function collect(est: unknown): Mentions {
  const namespaces = new Set<string>();
  const entities: [string, string][] = [];
  const actions: [string, string][] = [];
  const type = (name: unknown): void => {
    if (typeof name !== 'string') return;
    const end = name.lastIndexOf('::');
    if (end > 0) namespaces.add(name.slice(0, end));
  };
  const open: unknown[] = [est];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (typeof node !== 'object' || node === null) continue;
    if (!Array.isArray(node)) {
      const { type: name, id, entity_type: is } = node as Readonly<Record<string, unknown>>;
      type(is);
      if (typeof name === 'string' && typeof id === 'string') {
        type(name);
        if (!name.includes('::')) entities.push([name, id]);
        else if (name.endsWith(ACTION)) actions.push([name.slice(0, -ACTION.length), id]);
      }
    }
    open.push(...Object.values(node));
  }
  return { namespaces, entities, actions };
}
