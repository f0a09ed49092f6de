import type { Clock, Random } from '../../kernel/index.ts';
import { MINUTE_MS, sha256Base64Url, timingSafeEqualText } from '../../kernel/index.ts';
import type { Agent } from '../model.ts';
import type { VerifyHuman } from '../ports.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { unusable } from '../registry/transitions.ts';
import type { ResourceDirectory } from '../resources.ts';
import type { Clients } from './clients.ts';
import type { Codes } from './codes.ts';
import { choicePage, errorPage, loginPage, type PageFacts } from './consent-page.ts';
import type { OAuthEvent } from './events.ts';
import {
  type OAuthRequest,
  type OAuthResponse,
  readForm,
  readParameters,
  splitTarget,
} from './http.ts';
import type { RateLimit } from './rate-limit.ts';
import { describeRedirect, matchesRegistered, withParameters } from './redirect-uri.ts';

const PENDING_LIFE_MS = 10 * MINUTE_MS;
const MAX_PENDING = 2000;
const MAX_ATTEMPTS = 5;
const MAX_OFFERED_AGENTS = 500;
const MAX_STATE = 2048;
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
const HANDLE = /^[A-Za-z0-9_-]{43}$/;

export interface AuthorizeDeps {
  readonly clients: Clients;
  readonly codes: Codes;
  readonly registry: AgentRegistry;
  readonly resources: ResourceDirectory;
  readonly verifyHuman: VerifyHuman;
  /** Which agents this human may connect clients to; all active ones when absent. */
  readonly mayConnect?: (user: string, agent: Agent) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly scopes: readonly string[];
  readonly endpoint: string;
  readonly pages: RateLimit;
  readonly loginsPerRemote: RateLimit;
  readonly loginsOverall: RateLimit;
  readonly onEvent: (event: OAuthEvent) => void;
}

interface Pending {
  readonly clientId: string;
  readonly clientName: string;
  readonly redirectUri: string;
  readonly state: string | undefined;
  readonly challenge: string;
  readonly resource: string;
  /** Hash of the cookie of the browser that opened the page. */
  readonly browser: string;
  readonly expiresAt: number;
  attempts: number;
  user: string | undefined;
}

/**
 * The authorization endpoint (RFC 6749 section 3.1 with OAuth 2.1's PKCE, RFC 8707, RFC 9207): two
 * pages without script. First the human proves who they are with a one-time code, then they pick the
 * agent. Anyone may register a client, so nothing redirects before a human signed in: a wrong request
 * gets an error page instead of making this server an open redirector (RFC 9700 section 4.11.2).
 */
export function createAuthorizeHandler(
  deps: AuthorizeDeps,
): (request: OAuthRequest) => Promise<OAuthResponse> {
  const { clients, codes, registry, resources, clock, random, onEvent } = deps;
  const pending = new Map<string, Pending>();
  const { origin, pathname: action, protocol } = new URL(deps.endpoint);
  const secure = protocol === 'https:';
  const cookieName = secure ? '__Host-sallyport_connect' : 'sallyport_connect';
  const handle = (): string => Buffer.from(random.bytes(32)).toString('base64url');

  const prune = (now: number): void => {
    for (const [id, entry] of pending) {
      if (entry.expiresAt > now && pending.size < MAX_PENDING) break; // oldest first
      pending.delete(id);
    }
  };
  const pageFacts = (id: string, entry: Pending): PageFacts => {
    const redirect = describeRedirect(entry.redirectUri);
    return {
      clientName: entry.clientName,
      redirectShown: redirect.shown,
      redirectIsLoopback: redirect.loopback,
      redirectSource: redirect.cspSource,
      resource: entry.resource,
      action,
      request: id,
    };
  };
  const offered = (user: string): readonly Agent[] =>
    registry
      .list()
      .filter(
        (agent) =>
          agent.kind === undefined &&
          unusable(agent, clock.now()) === undefined &&
          (deps.mayConnect?.(user, agent) ?? true),
      )
      .slice(0, MAX_OFFERED_AGENTS);
  const redirect = (
    entry: Pending,
    parameters: Readonly<Record<string, string>>,
  ): OAuthResponse => ({
    status: 303,
    headers: {
      location: withParameters(entry.redirectUri, {
        ...parameters,
        ...(entry.state === undefined ? {} : { state: entry.state }),
        iss: resources.issuer,
      }),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    },
    body: '',
  });

  const open = (request: OAuthRequest): OAuthResponse => {
    // An image or a frame of a page somewhere else: nobody looks at it, and it must not use up the visitor's attempts.
    const destination = request.headers['sec-fetch-dest'];
    if (destination !== undefined && destination !== 'document')
      return errorPage(403, 'Open this address in a window of the browser.');
    if (!deps.pages.take(request.remote))
      return errorPage(429, 'Too many attempts. Wait a minute.');
    const read = readParameters(splitTarget(request.path).query);
    if (!read.ok) return errorPage(400, `The request is malformed: ${read.refusal.description}.`);
    const get = (name: string): string | undefined => read.value.get(name);
    const client = clients.get(get('client_id') ?? '');
    if (client === undefined)
      return errorPage(
        400,
        'The client is not registered here. Remove the connection in the client and connect again.',
      );
    const redirectUri =
      get('redirect_uri') ??
      (client.redirectUris.length === 1 ? client.redirectUris[0] : undefined);
    if (redirectUri === undefined || !matchesRegistered(redirectUri, client.redirectUris))
      return errorPage(400, 'The redirect URI is not one the client registered.');
    if (get('response_type') !== 'code')
      return errorPage(400, 'Only response_type=code is served.');
    const challenge = get('code_challenge') ?? '';
    if (get('code_challenge_method') !== 'S256' || !CHALLENGE.test(challenge))
      return errorPage(400, 'The client must use PKCE with S256.');
    const wanted = get('resource');
    const resource = wanted === undefined ? resources.defaultResource : resources.resolve(wanted);
    if (resource === undefined)
      return errorPage(400, 'The requested resource does not belong to this gateway.');
    const state = get('state');
    if (state !== undefined && state.length > MAX_STATE)
      return errorPage(400, 'The state is too long.');

    const now = clock.now();
    prune(now);
    const known = readCookie(request.headers['cookie'], cookieName);
    const browser = known ?? handle();
    const id = handle();
    const entry: Pending = {
      clientId: client.id,
      clientName: client.name,
      redirectUri,
      state,
      challenge,
      resource,
      browser: sha256Base64Url(browser),
      expiresAt: now + PENDING_LIFE_MS,
      attempts: 0,
      user: undefined,
    };
    pending.set(id, entry);
    const page = loginPage(pageFacts(id, entry), undefined);
    const attributes = `Path=/; HttpOnly; SameSite=Strict; Max-Age=3600${secure ? '; Secure' : ''}`;
    return {
      ...page,
      headers: { ...page.headers, 'set-cookie': `${cookieName}=${browser}; ${attributes}` },
    };
  };

  /** The form came from our page in the browser that opened it. */
  const fromOurPage = (request: OAuthRequest, entry: Pending): boolean => {
    const claimed = request.headers['origin'];
    const site = request.headers['sec-fetch-site'];
    if (claimed !== undefined && claimed !== origin) return false;
    if (site !== undefined && site !== 'same-origin') return false;
    const cookie = readCookie(request.headers['cookie'], cookieName);
    return cookie !== undefined && timingSafeEqualText(sha256Base64Url(cookie), entry.browser);
  };

  const login = async (
    request: OAuthRequest,
    id: string,
    entry: Pending,
    secret: string,
  ): Promise<OAuthResponse> => {
    const refused = (reason: string): void =>
      onEvent({ kind: 'login.refused', reason, remote: request.remote });
    // Counted before the check, so that parallel guesses do not get a free one.
    entry.attempts += 1;
    if (entry.attempts > MAX_ATTEMPTS) {
      pending.delete(id);
      return errorPage(403, 'Too many wrong codes. Start again from the client.');
    }
    if (!deps.loginsPerRemote.take(request.remote) || !deps.loginsOverall.take('')) {
      refused('rate_limited');
      return errorPage(429, 'Too many attempts. Wait a minute.');
    }
    const human = secret === '' || secret.length > 256 ? undefined : await deps.verifyHuman(secret);
    if (human === undefined || !pending.delete(id)) {
      refused('wrong_code');
      if (entry.attempts < MAX_ATTEMPTS && pending.has(id))
        return loginPage(
          pageFacts(id, entry),
          'This code is not valid. Codes work once and expire.',
        );
      pending.delete(id);
      return errorPage(403, 'Too many wrong codes. Start again from the client.');
    }
    // A new name after the sign-in: whoever knew the old one cannot act on the human's session.
    const next = handle();
    entry.user = human.user.slice(0, 128);
    pending.set(next, entry);
    return choicePage(pageFacts(next, entry), entry.user, offered(entry.user));
  };

  const choose = (
    request: OAuthRequest,
    id: string,
    entry: Pending,
    user: string,
    form: ReadonlyMap<string, string>,
  ): OAuthResponse => {
    pending.delete(id);
    const { clientId, remote } = { clientId: entry.clientId, remote: request.remote };
    if (form.get('decision') !== 'approve') {
      onEvent({ kind: 'consent.denied', user, clientId, remote });
      return redirect(entry, { error: 'access_denied' });
    }
    const agent = offered(user).find((one) => one.id === form.get('agent'));
    if (agent === undefined) return errorPage(400, 'This agent cannot be chosen. Start again.');
    onEvent({ kind: 'consent.given', user, clientId, agentId: agent.id, remote });
    const code = codes.issue({
      clientId: entry.clientId,
      redirectUri: entry.redirectUri,
      challenge: entry.challenge,
      resource: entry.resource,
      scopes: deps.scopes,
      agentId: agent.id,
      user,
    });
    return redirect(entry, { code });
  };

  return async (request) => {
    if (request.method === 'GET') return open(request);
    const form = readForm(request);
    if (!form.ok) return errorPage(400, 'The form is malformed.');
    const id = form.value.get('request') ?? '';
    const entry = HANDLE.test(id) ? pending.get(id) : undefined;
    if (entry === undefined || entry.expiresAt <= clock.now() || !fromOurPage(request, entry))
      return errorPage(
        403,
        'This page has expired or was opened elsewhere. Start again from the client.',
      );
    return entry.user === undefined
      ? login(request, id, entry, form.value.get('secret') ?? '')
      : choose(request, id, entry, entry.user, form.value);
  };
}

function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined || header.length > 16_384) return undefined;
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0 || part.slice(0, equals).trim() !== name) continue;
    const value = part.slice(equals + 1).trim();
    return HANDLE.test(value) ? value : undefined;
  }
  return undefined;
}
