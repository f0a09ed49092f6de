import {
  CedarRecord,
  type CedarRequest,
  CedarSet,
  Datetime,
  Decimal,
  Duration,
  type EntitySnapshot,
  EntityUid,
  formatDecimal,
  IpAddress,
  type Value,
} from '../cedar/index.ts';
import type { CedarUidJson, RefereeCase } from './worker-protocol.ts';

/** Entities sent along with one question. */
const MAX_ENTITIES = 2_000;

/**
 * The question in Cedar's JSON forms, with every entity that it can reach: the three of the request, those in the
 * context, `mentioned` ones, and from there all parents and attributes. Undefined when it has no exact JSON form
 * (integers beyond 2^53, oversize strings) or is too large: then it cannot be refereed.
 */
export function refereeCase(
  request: CedarRequest,
  entities: EntitySnapshot,
  mentioned: readonly EntityUid[],
): RefereeCase | undefined {
  const reach = new Map<string, EntityUid>();
  const context = json(request.context, reach);
  if (context === undefined) return undefined;
  for (const uid of [request.principal, request.action, request.resource, ...mentioned])
    reach.set(keyOf(uid), uid);
  const out: unknown[] = [];
  // A Map iterates over what is added on the way.
  for (const uid of reach.values()) {
    const node = entities.find(uid);
    if (node === undefined) continue;
    if (out.length >= MAX_ENTITIES) return undefined;
    const attrs = json(node.attrs, reach);
    const tags = json(node.tags, reach);
    if (attrs === undefined || tags === undefined) return undefined;
    for (const parent of node.parents) reach.set(keyOf(parent), parent);
    out.push({ uid: uidJson(uid), attrs, tags, parents: node.parents.map(uidJson) });
  }
  return {
    principal: uidJson(request.principal),
    action: uidJson(request.action),
    resource: uidJson(request.resource),
    context,
    entities: out,
  };
}

function keyOf({ type, id }: EntityUid): string {
  return `${type}\0${id}`;
}

function uidJson({ type, id }: EntityUid): CedarUidJson {
  return { type, id };
}

function json(value: Value, reach: Map<string, EntityUid>): unknown {
  if (typeof value === 'bigint') return undefined;
  if (typeof value !== 'object') return value;
  if (value instanceof EntityUid) {
    reach.set(keyOf(value), value);
    return { __entity: uidJson(value) };
  }
  if (value instanceof CedarSet) {
    const items = value.items.map((item) => json(item, reach));
    return items.includes(undefined) ? undefined : items;
  }
  if (value instanceof CedarRecord) {
    const out: Record<string, unknown> = Object.create(null);
    for (const [name, field] of value.fields) {
      const part = json(field, reach);
      if (part === undefined) return undefined;
      out[name] = part;
    }
    return out;
  }
  return extension(value);
}

function extension(value: Value): unknown {
  const literal = (fn: string, arg: string): unknown => ({ __extn: { fn, arg } });
  if (value instanceof Decimal) return literal('decimal', formatDecimal(value));
  if (value instanceof Duration) return literal('duration', `${value.ms}ms`);
  if (value instanceof Datetime) {
    const text = new Date(Number(value.ms)).toISOString();
    return /^[0-9]{4}-/.test(text) ? literal('datetime', text) : undefined;
  }
  if (value instanceof IpAddress) return literal('ip', ipText(value));
  return undefined;
}

function ipText({ bits, prefix, address }: IpAddress): string {
  if (bits === 32) {
    const bytes = [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n);
    return `${bytes.join('.')}/${prefix}`;
  }
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n];
  const words = groups.map((shift) => ((address >> shift) & 0xffffn).toString(16));
  return `${words.join(':')}/${prefix}`;
}
