import type { Endpoint } from '../model.ts';

export type Route =
  | { readonly kind: 'mcp'; readonly endpoint: Endpoint }
  | { readonly kind: 'sse'; readonly endpoint: Endpoint }
  | { readonly kind: 'messages'; readonly endpoint: Endpoint }
  | { readonly kind: 'livez' }
  | { readonly kind: 'readyz' }
  /** OAuth, discovery documents, or nobody's. */
  | { readonly kind: 'other' };

const ALL: Endpoint = { kind: 'all' };
const FIXED: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/mcp', { kind: 'mcp', endpoint: ALL }],
  ['/mcp/', { kind: 'mcp', endpoint: ALL }],
  ['/sse', { kind: 'sse', endpoint: ALL }],
  ['/messages', { kind: 'messages', endpoint: ALL }],
  ['/livez', { kind: 'livez' }],
  ['/readyz', { kind: 'readyz' }],
]);
const OTHER: Route = { kind: 'other' };

/** Path of a request target, without the query. Server names are checked later, after admission. */
export function routeOf(url: string): Route {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const fixed = FIXED.get(path);
  if (fixed !== undefined) return fixed;
  const match = /^\/(mcp|sse|messages)\/([A-Za-z0-9][A-Za-z0-9_.-]{0,63})\/?$/.exec(path);
  if (match?.[2] === undefined) return OTHER;
  return {
    kind: match[1] as 'mcp' | 'sse' | 'messages',
    endpoint: { kind: 'server', server: match[2] },
  };
}

export function sameEndpoint(left: Endpoint, right: Endpoint): boolean {
  return left.kind === 'all'
    ? right.kind === 'all'
    : right.kind === 'server' && right.server === left.server;
}
