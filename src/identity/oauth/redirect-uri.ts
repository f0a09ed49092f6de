const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);
const SCHEME = /^[a-z][a-z0-9+.-]{0,62}:$/;
const MAX_LENGTH = 2048;

/** Schemes of editors that registered one without the dot RFC 8252 section 7.1 asks for. */
const KNOWN_APP_SCHEMES: ReadonlySet<string> = new Set([
  'cursor:',
  'vscode:',
  'vscode-insiders:',
  'windsurf:',
  'zed:',
]);

/**
 * May a client register this redirect URI? https, http on loopback (RFC 8252 section 7.3), or a
 * private-use scheme that contains a dot or belongs to a known editor. No fragment, no user part, no
 * `..`, nothing a browser would run.
 */
export function isRegistrable(uri: string): boolean {
  const url = parse(uri);
  if (url === undefined || url.hash !== '' || uri.includes('#')) return false;
  if (url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return url.hostname !== '';
  if (url.protocol === 'http:') return LOOPBACK.has(url.hostname);
  return (
    SCHEME.test(url.protocol) && (url.protocol.includes('.') || KNOWN_APP_SCHEMES.has(url.protocol))
  );
}

/**
 * Exact comparison (RFC 9700 section 2.1); only the port of an http loopback URI may differ, because
 * native clients listen on whatever is free (RFC 8252 section 7.3).
 */
export function matchesRegistered(requested: string, registered: readonly string[]): boolean {
  if (registered.includes(requested)) return isRegistrable(requested);
  const wanted = loopbackWithoutPort(requested);
  return wanted !== undefined && registered.some((uri) => loopbackWithoutPort(uri) === wanted);
}

/** What the person sees and what the page may send the form's answer to. */
export function describeRedirect(uri: string): {
  /** Host, or the scheme of an app. */
  readonly shown: string;
  readonly loopback: boolean;
  /** A CSP `form-action` source that admits the redirect. */
  readonly cspSource: string;
} {
  const url = new URL(uri);
  const web = url.protocol === 'https:' || url.protocol === 'http:';
  // CSP host sources cannot be IPv6 literals, hence the scheme alone for those.
  const cspSource = web && !url.hostname.startsWith('[') ? url.origin : url.protocol;
  return {
    shown: web ? url.host : `the app behind ${url.protocol}`,
    loopback: web && LOOPBACK.has(url.hostname),
    cspSource,
  };
}

/** Adds response parameters, keeping what the URI has. */
export function withParameters(uri: string, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(uri);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

function loopbackWithoutPort(uri: string): string | undefined {
  const url = parse(uri);
  if (url === undefined || url.protocol !== 'http:' || !LOOPBACK.has(url.hostname))
    return undefined;
  if (!isRegistrable(uri)) return undefined;
  return `${url.hostname}${url.pathname}${url.search}`;
}

function parse(uri: string): URL | undefined {
  // Printable ASCII only: what we compare is then what a browser will go to.
  if (uri.length > MAX_LENGTH || !/^[\x21-\x7e]+$/.test(uri) || uri.includes('\\'))
    return undefined;
  if (/(?:^|\/)\.\.?(?:\/|$|\?)/.test(uri) || uri.toLowerCase().includes('%2e')) return undefined;
  try {
    return new URL(uri);
  } catch {
    return undefined;
  }
}
