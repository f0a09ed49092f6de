/** Which arguments' views some policy reads: `all` when a policy uses the record of views as a whole. */
export interface DemandedViews {
  readonly paths: ReadonlySet<string> | 'all';
  readonly urls: ReadonlySet<string> | 'all';
}

type Kind = keyof DemandedViews;
type Node = Readonly<Record<string, unknown>>;

/**
 * Finds the views that policies read, so that a decision computes no others. Takes policies in Cedar's JSON form; an
 * access it cannot follow counts as a demand for everything, never as none.
 */
export function demandedViews(policies: readonly unknown[]): DemandedViews {
  const found: Record<Kind, Set<string> | 'all'> = { paths: new Set(), urls: new Set() };
  const open: unknown[] = [...policies];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (Array.isArray(node)) open.push(...node);
    else if (isNode(node)) {
      if (!collect(node, found)) open.push(...Object.values(node));
    }
  }
  return found;
}

/** True when the node was an access to a view (or is its harmless root) and needs no further walk. */
function collect(node: Node, found: Record<Kind, Set<string> | 'all'>): boolean {
  const access = node['.'] ?? node['has'];
  if (!isNode(access)) {
    // `context` other than in `context.x`: compared or stored as a whole.
    if (node['Var'] === 'context') {
      found.paths = 'all';
      found.urls = 'all';
      return true;
    }
    return false;
  }
  const names = [access['attr']].flat().filter((name) => typeof name === 'string');
  const left = access['left'];
  if (isContext(left)) {
    const [kind, argument] = names;
    if (isKind(kind)) demand(found, kind, argument);
    return true;
  }
  const kind = viewKind(left);
  if (kind === undefined) return false;
  demand(found, kind, names[0]);
  return true;
}

function demand(
  found: Record<Kind, Set<string> | 'all'>,
  kind: Kind,
  argument: string | undefined,
): void {
  const known = found[kind];
  if (known === 'all') return;
  if (argument === undefined) found[kind] = 'all';
  else known.add(argument);
}

/** The kind when the node is `context.paths` or `context.urls`. */
function viewKind(node: unknown): Kind | undefined {
  const access = isNode(node) ? node['.'] : undefined;
  if (!isNode(access) || !isContext(access['left'])) return undefined;
  return isKind(access['attr']) ? access['attr'] : undefined;
}

function isContext(node: unknown): boolean {
  return isNode(node) && node['Var'] === 'context';
}

function isKind(value: unknown): value is Kind {
  return value === 'paths' || value === 'urls';
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
