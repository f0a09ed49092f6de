import type { PolicyDecisionPoint } from '../../policy/index.ts';
import { itemFor, listResult } from '../broker/list-items.ts';
import { ownerKey } from '../broker/owner-key.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { listOf } from '../catalogue/fetch-list.ts';
import type { CatalogueItem, InboundRequest, ItemKind, RawJson, Reply } from '../model.ts';
import { agentFacts } from '../pipeline/decide.ts';
import { rawAsString, rawGet, rawSet, rawString } from '../wire/raw-json.ts';
import type { Sealer } from '../wire/seal.ts';
import { paramHeaderSpec } from './check-tool-headers.ts';
import type { Connections } from './connections.ts';

/** Entries of one page; a client that pages gets the rest by cursor. */
export const PAGE_ITEMS = 1_000;
const CURSOR_TTL_MS = 60 * 60_000;

const KINDS: readonly ItemKind[] = ['tools', 'prompts', 'resources', 'resourceTemplates'];
const BY_METHOD: ReadonlyMap<string, ItemKind> = new Map(
  KINDS.map((kind) => [listOf(kind).method, kind]),
);

/** The list a method asks for; undefined for any other method. */
export const listKind = (method: string): ItemKind | undefined => BY_METHOD.get(method);

const POLICY_KIND = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  resourceTemplates: 'resource',
} as const;

export interface ListAnswer {
  readonly reply: Reply;
  readonly shown: number;
  /** Entries policy hides from this agent. */
  readonly hidden: number;
  /** Servers that could not be asked. */
  readonly down: readonly string[];
}

/** What policy says of a list, server by server. */
export interface ListDecision {
  readonly permitted: readonly string[];
  readonly denied: readonly string[];
}

export interface ListDeps {
  readonly connections: Connections;
  readonly catalogue: Catalogue;
  readonly policy: PolicyDecisionPoint;
  readonly sealer: Sealer;
  /** The gateway's own tools, as this caller's merged list shows them. */
  readonly own?: (request: InboundRequest) => readonly CatalogueItem[];
  settled(): Promise<void>;
  /** Milliseconds since the epoch. */
  now(): number;
}

const INVALID_CURSOR: ListAnswer = {
  reply: { kind: 'error', status: 200, code: -32602, message: 'Invalid cursor' },
  shown: 0,
  hidden: 0,
  down: [],
};

/**
 * A list of the caller's endpoint: merged over its servers in a stable order, without what the agent may never use,
 * named as the endpoint names things, in the words of the client's revision. A server that is down is left out on the
 * merged endpoint; on its own endpoint its fault is the answer. No server is connected to or asked before `record` has
 * resolved, and none that policy does not permit.
 */
export function createLists(
  deps: ListDeps,
): (
  kind: ItemKind,
  request: InboundRequest,
  record: (decision: ListDecision) => Promise<unknown>,
) => Promise<ListAnswer> {
  const visible = (item: CatalogueItem, request: InboundRequest): boolean =>
    deps.policy.mayUse(
      agentFacts(request.downstream.principal),
      item.server,
      POLICY_KIND[item.kind],
      item.name,
    );

  const mayList = (server: string, request: InboundRequest): boolean => {
    const { principal, transport, client, session } = request.downstream;
    const { effect } = deps.policy.decide({
      agent: agentFacts(principal),
      ...(principal.user === undefined ? {} : { user: principal.user }),
      kind: 'list',
      method: request.method,
      server,
      target: request.method,
      session: {
        now: deps.now(),
        transport,
        era: client.era,
        ...(session === undefined ? {} : { sessionId: session.id }),
      },
    });
    return effect === 'allow';
  };

  const rendered = (
    item: CatalogueItem,
    request: InboundRequest,
    era: 'legacy' | 'modern',
  ): RawJson => {
    const { client, endpoint } = request.downstream;
    const raw = itemFor(client.revision, era, item.kind, item.raw);
    return endpoint.kind === 'all' && item.exposedName !== item.name
      ? rawSet(raw, 'name', rawString(item.exposedName))
      : raw;
  };

  return async (kind, request, record) => {
    const { downstream } = request;
    const { client, principal, endpoint } = downstream;
    const owner = ownerKey(principal);
    const at = endpoint.kind === 'all' ? '' : endpoint.server;
    let offset = 0;
    const cursorRaw = request.params === undefined ? undefined : rawGet(request.params, 'cursor');
    if (cursorRaw !== undefined && cursorRaw !== 'null') {
      const cursor = rawAsString(cursorRaw);
      const opened = cursor === undefined ? undefined : deps.sealer.open('cursor', cursor);
      if (
        opened?.['owner'] !== owner ||
        opened['kind'] !== kind ||
        opened['at'] !== at ||
        typeof opened['offset'] !== 'number'
      ) {
        await record({ permitted: [], denied: [] });
        return INVALID_CURSOR;
      }
      offset = opened['offset'];
    }
    const permitted: string[] = [];
    const denied: string[] = [];
    for (const server of deps.connections.serversOf(endpoint))
      (mayList(server, request) ? permitted : denied).push(server);
    await record({ permitted, denied });
    const { up, down } =
      endpoint.kind === 'server' && permitted.length > 0
        ? {
            up: [await deps.connections.to(endpoint.server, downstream, downstream.signal)],
            down: [],
          }
        : await deps.connections.all(downstream, downstream.signal, permitted);
    const unreadable: string[] = [...down];
    const all: RawJson[] = [];
    let hidden = 0;
    for (const connection of up) {
      let items: readonly CatalogueItem[];
      try {
        items = (await deps.catalogue.read(connection, kind, client)).items;
        await deps.settled();
      } catch (fault) {
        if (endpoint.kind === 'server') throw fault;
        unreadable.push(connection.server);
        continue;
      }
      for (const item of items) {
        if (kind === 'tools' && paramHeaderSpec(item) === 'invalid') continue;
        if (!visible(item, request)) {
          hidden++;
          continue;
        }
        all.push(rendered(item, request, connection.info.era));
      }
    }
    const own = kind === 'tools' ? (deps.own?.(request) ?? []) : [];
    for (const item of own) {
      if (visible(item, request)) all.push(item.raw);
      else hidden++;
    }
    const page = all.slice(offset, offset + PAGE_ITEMS);
    const next = offset + PAGE_ITEMS;
    const nextCursor =
      next < all.length
        ? deps.sealer.seal('cursor', { owner, at, kind, offset: next }, CURSOR_TTL_MS)
        : undefined;
    return {
      reply: { kind: 'result', result: listResult(client, kind, page, nextCursor) },
      shown: page.length,
      hidden,
      down: unreadable,
    };
  };
}
