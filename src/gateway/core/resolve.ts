import type { Principal } from '../../identity/index.ts';
import type { ActionKind } from '../../policy/index.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { LIST_TTL_MS, type Listing, MISS_REFRESH_MS } from '../catalogue/catalogue.ts';
import { serverOfExposedName } from '../catalogue/expose-name.ts';
import type { CatalogueItem, ItemKind, RawJson, UpstreamConnection } from '../model.ts';
import type { CallContext, ResolvedTarget } from '../pipeline/call-context.ts';
import { unknownReply } from '../pipeline/refusal-replies.ts';
import { rawAsString, rawGet, rawSet, rawString } from '../wire/raw-json.ts';
import { checkToolHeaders } from './check-tool-headers.ts';
import type { Caller, Connections } from './connections.ts';
import { ownerOfUri, type UriOwner } from './owner-of-uri.ts';

export interface ResolveDeps {
  readonly connections: Connections;
  readonly catalogue: Catalogue;
  /** Servers that carry an alias: alias -> server. */
  serverOfAlias(alias: string): string | undefined;
  /** Opens a task id that the broker sealed: which server is it of? */
  serverOfTask(taskId: string): string | undefined;
  now(): number;
  /** Might policy ever let this agent have it? A target it may not even know of is looked for like one that is not there. */
  mayUse(principal: Principal, server: string, kind: ActionKind, name: string): boolean;
  /** Resolves when the tools of a list that was just read are known to policy. */
  settled(): Promise<void>;
}

const KINDS: ReadonlyMap<string, ActionKind> = new Map([
  ['tools/call', 'tool'],
  ['prompts/get', 'prompt'],
  ['resources/read', 'resource'],
  ['resources/subscribe', 'resource'],
  ['resources/unsubscribe', 'resource'],
  ['completion/complete', 'completion'],
  ['tasks/get', 'task'],
  ['tasks/result', 'task'],
  ['tasks/list', 'task'],
  ['tasks/update', 'task'],
  ['tasks/cancel', 'task'],
]);

/** What kind of action a method is; methods we don't know are `other`. */
export const actionKind = (method: string): ActionKind => KINDS.get(method) ?? 'other';

/**
 * Finds what a request points at. On a server's own endpoint names are untouched; on the merged one the prefix or the
 * alias names the server. A name the server doesn't list is looked up once more in a fresh list before it is refused.
 */
export function createResolver(
  deps: ResolveDeps,
): (context: CallContext) => Promise<ResolvedTarget> | ResolvedTarget {
  const unknown = (
    context: CallContext,
    reason: string,
    exposedName: string,
    server?: string,
  ): ResolvedTarget => ({
    ok: false,
    reason,
    name: exposedName,
    ...(server === undefined ? {} : { server }),
    reply: unknownReply(context.request.method, context.request.downstream.client.era, exposedName),
  });

  const invalid = (problem: string): ResolvedTarget => ({
    ok: false,
    reason: 'invalid_params',
    reply: { kind: 'error', status: 200, code: -32602, message: problem },
  });

  const named = (
    context: CallContext,
    caller: Caller,
    kind: Extract<ItemKind, 'tools' | 'prompts'>,
    params: RawJson,
    nameOf: { readonly exposed: string; rename(own: string): RawJson },
  ): Promise<ResolvedTarget> | ResolvedTarget => {
    const { exposed } = nameOf;
    const { endpoint } = caller;
    const server =
      endpoint.kind === 'server'
        ? endpoint.server
        : (deps.serverOfAlias(exposed) ?? serverOfExposedName(exposed));
    if (server === undefined || !deps.connections.serversOf(endpoint).includes(server)) {
      return unknown(context, 'unknown_target', exposed);
    }
    const pick = (listing: Listing): CatalogueItem | undefined =>
      endpoint.kind === 'server' ? listing.byName.get(exposed) : listing.byExposedName.get(exposed);
    const finish = (
      connection: UpstreamConnection,
      item: CatalogueItem | undefined,
    ): ResolvedTarget => {
      if (item === undefined) return unknown(context, 'unknown_target', exposed, server);
      const { request } = context;
      const renamed = item.name === exposed ? params : nameOf.rename(item.name);
      const headers =
        kind === 'tools'
          ? checkToolHeaders(item, request.downstream.client.era, request.paramHeaders, renamed)
          : undefined;
      if (headers !== undefined && !headers.ok) {
        // The header of a tool that the caller may not know of would tell that it is there.
        if (!deps.mayUse(caller.principal, server, actionKind(request.method), item.name))
          return unknown(context, 'unknown_target', exposed, server);
        return {
          ok: false,
          reason: 'header_mismatch',
          server,
          name: exposed,
          reply: headers.reply,
        };
      }
      return {
        ok: true,
        target: {
          kind: actionKind(request.method),
          server,
          name: item.name,
          exposedName: exposed,
          connection,
          item,
          params: renamed,
          paramHeaders: headers?.paramHeaders ?? {},
          extraHeaders: headers?.extraHeaders ?? {},
        },
      };
    };
    const lookUp = async (
      connection: UpstreamConnection,
      hidden = false,
    ): Promise<ResolvedTarget> => {
      const { client } = caller;
      let item = pick(await deps.catalogue.read(connection, kind, client));
      if (item === undefined || hidden)
        item = pick(
          await deps.catalogue.read(connection, kind, client, { maxAgeMs: MISS_REFRESH_MS }),
        );
      await deps.settled();
      return finish(connection, item);
    };
    const withConnection = (
      connection: UpstreamConnection,
    ): Promise<ResolvedTarget> | ResolvedTarget => {
      // Hot path: the list as last read is good enough to find a name; an old one is read again behind the call.
      const listing = deps.catalogue.peek(connection, kind, caller.client);
      const item = listing === undefined ? undefined : pick(listing);
      if (listing === undefined || item === undefined) return lookUp(connection);
      // A hidden name must take as long as an unknown one, or the clock tells them apart.
      const { method } = context.request;
      if (!deps.mayUse(caller.principal, server, actionKind(method), item.name))
        return lookUp(connection, true);
      if (deps.now() - listing.readAt > LIST_TTL_MS) {
        deps.catalogue.read(connection, kind, caller.client).catch(() => undefined);
      }
      return finish(connection, item);
    };
    const connection = deps.connections.to(server, caller, context.request.downstream.signal);
    return connection instanceof Promise
      ? connection.then(withConnection)
      : withConnection(connection);
  };

  const plain = async (
    context: CallContext,
    caller: Caller,
    server: string,
    name: string,
    exposedName: string,
    params: RawJson | undefined,
  ): Promise<ResolvedTarget> => {
    const connection = await deps.connections.to(server, caller, context.request.downstream.signal);
    return {
      ok: true,
      target: {
        kind: actionKind(context.request.method),
        server,
        name,
        exposedName,
        connection,
        item: undefined,
        params,
        paramHeaders: {},
        extraHeaders: context.request.paramHeaders,
      },
    };
  };

  const byUri = async (
    context: CallContext,
    caller: Caller,
    uri: string,
    params: RawJson,
  ): Promise<ResolvedTarget> => {
    const servers = deps.connections.serversOf(caller.endpoint);
    const only = servers.length === 1 ? servers[0] : undefined;
    const owner: UriOwner =
      only === undefined
        ? await ownerOfUri(deps, caller, uri, context.request.downstream.signal)
        : { server: only };
    if (owner.server === undefined) return unknown(context, owner.reason, uri);
    return plain(context, caller, owner.server, uri, uri, params);
  };

  return (context) => {
    const { request } = context;
    const { downstream, method } = request;
    const caller: Caller = downstream;
    const params = request.params ?? ('{}' as RawJson);
    const member = (name: string): string | undefined => {
      const raw = rawGet(params, name);
      return raw === undefined ? undefined : rawAsString(raw);
    };
    switch (method) {
      case 'tools/call':
      case 'prompts/get': {
        const exposed = member('name');
        if (exposed === undefined) return invalid('params.name must be a string');
        return named(context, caller, method === 'tools/call' ? 'tools' : 'prompts', params, {
          exposed,
          rename: (own) => rawSet(params, 'name', rawString(own)),
        });
      }
      case 'resources/read':
      case 'resources/subscribe':
      case 'resources/unsubscribe': {
        const uri = member('uri');
        if (uri === undefined) return invalid('params.uri must be a string');
        return byUri(context, caller, uri, params);
      }
      case 'completion/complete': {
        const ref = rawGet(params, 'ref');
        const refMember = (name: string): string | undefined => {
          const raw = ref === undefined ? undefined : rawGet(ref, name);
          return raw === undefined ? undefined : rawAsString(raw);
        };
        const type = refMember('type');
        if (ref !== undefined && type === 'ref/prompt') {
          const exposed = refMember('name');
          if (exposed === undefined) return invalid('params.ref.name must be a string');
          return named(context, caller, 'prompts', params, {
            exposed,
            rename: (own) => rawSet(params, 'ref', rawSet(ref, 'name', rawString(own))),
          });
        }
        const uri = refMember('uri');
        if (type !== 'ref/resource' || uri === undefined)
          return invalid('params.ref must name a prompt or a resource');
        return byUri(context, caller, uri, params);
      }
      default: {
        if (method.startsWith('tasks/')) {
          const taskId = member('taskId');
          const server = taskId === undefined ? undefined : deps.serverOfTask(taskId);
          if (
            taskId === undefined ||
            server === undefined ||
            !deps.connections.serversOf(caller.endpoint).includes(server)
          ) {
            return {
              ok: false,
              reason: 'unknown_task',
              reply: { kind: 'error', status: 200, code: -32602, message: 'Unknown task' },
            };
          }
          return plain(context, caller, server, method, method, params);
        }
        const servers = deps.connections.serversOf(caller.endpoint);
        const only = caller.endpoint.kind === 'server' ? servers[0] : undefined;
        if (only === undefined) {
          return {
            ok: false,
            reason: 'unknown_method',
            reply: {
              kind: 'error',
              status: 404,
              code: -32601,
              message: `Method not found: ${method.slice(0, 128)}`,
            },
          };
        }
        return plain(context, caller, only, method, method, request.params);
      }
    }
  };
}
