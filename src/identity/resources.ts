import { AppError } from '../kernel/index.ts';

/**
 * The protected resources this gateway answers for (RFC 8707, RFC 9728). All URLs come from the
 * configured public URL; a Host header never has a say.
 */
export interface ResourceDirectory {
  /** The public URL without a trailing slash; also the issuer. */
  readonly issuer: string;
  /** Used when a client names no resource. */
  readonly defaultResource: string;
  /** Exact URLs of all endpoints, the default first. */
  list(): readonly string[];
  /** The endpoint's exact URL for what a client wrote; undefined for anything that is not ours. */
  resolve(requested: string): string | undefined;
  /**
   * May a token for `audience` be used at `resource`? Yes when they are equal, or when `audience` is
   * the default resource, parents are accepted and `resource` lies below the public URL: the default
   * endpoint offers every server anyway. A token for one server is never good for the default
   * endpoint or another server. Both are URLs of ours, compared as they are.
   */
  accepts(audience: string, resource: string): boolean;
  /** URL of the RFC 9728 document: `/.well-known/oauth-protected-resource` before the path. */
  metadataUrl(resource: string): string;
}

export interface ResourceDirectoryOptions {
  /** `https://gateway.example.com`, or http on loopback; may have a path, no query or fragment. */
  readonly publicUrl: string;
  /** Path of the endpoint that merges all servers, below the public URL. Default `/mcp`. */
  readonly defaultPath?: string;
  /** Paths of the other endpoints now, e.g. `/mcp/github`; asked each time, so servers may come and go. */
  readonly paths?: () => readonly string[];
  /** Accept tokens for the default resource at the other endpoints. Default true. */
  readonly acceptParent?: boolean;
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** @throws AppError `IDENTITY_INVALID` when the public URL is not https (or http on loopback). */
export function createResourceDirectory(options: ResourceDirectoryOptions): ResourceDirectory {
  const issuer = checkPublicUrl(options.publicUrl);
  const acceptParent = options.acceptParent ?? true;
  const defaultResource = issuer + (options.defaultPath ?? '/mcp');
  const list = (): readonly string[] => [
    defaultResource,
    ...(options.paths?.() ?? []).map((path) => issuer + path),
  ];
  return {
    issuer,
    defaultResource,
    list,
    resolve(requested) {
      const wanted = normalise(requested);
      return wanted === undefined ? undefined : list().find((known) => normalise(known) === wanted);
    },
    accepts: (audience, resource) =>
      audience === resource ||
      (acceptParent && audience === defaultResource && resource.startsWith(`${issuer}/`)),
    metadataUrl(resource) {
      const url = new URL(resource);
      return `${url.origin}/.well-known/oauth-protected-resource${url.pathname}`;
    },
  };
}

/** Scheme and host in lower case, no default port, no trailing slash. Queries and fragments are refused. */
function normalise(text: string): string | undefined {
  if (text.length > 2048) return undefined;
  try {
    const url = new URL(text);
    if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
      return undefined;
    return url.href.endsWith('/') ? url.href.slice(0, -1) : url.href;
  } catch {
    return undefined;
  }
}

function checkPublicUrl(text: string): string {
  const normal = normalise(text);
  const url = normal === undefined ? undefined : new URL(normal);
  if (
    normal === undefined ||
    url === undefined ||
    !(url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.has(url.hostname)))
  )
    throw new AppError('IDENTITY_INVALID', {
      params: { field: 'publicUrl', problem: 'use an https URL, or http on a loopback address' },
    });
  return normal;
}
