import type { Clock, Logger, Random } from '../../kernel/index.ts';
import type { IssuerKeys } from '../keys/issuer-keys.ts';
import type { Agent } from '../model.ts';
import type { VerifyHuman } from '../ports.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import type { ResourceDirectory } from '../resources.ts';
import type { Revocations } from '../revocations.ts';
import type { AccessTokens } from '../tokens/access-token.ts';
import { createDpopVerifier } from '../tokens/dpop.ts';
import type { AssertionVerifier } from './assertion.ts';
import { createAuthorizeHandler } from './authorize.ts';
import type { Clients } from './clients.ts';
import { createCodes } from './codes.ts';
import type { OAuthEvent } from './events.ts';
import type { Grants } from './grants.ts';
import {
  jsonResponse,
  MAX_OAUTH_BODY,
  type OAuthRequest,
  type OAuthResponse,
  splitTarget,
} from './http.ts';
import { createWellKnown, endpointUrls } from './metadata.ts';
import { createRateLimit } from './rate-limit.ts';
import { createRegisterHandler } from './register.ts';
import { createRevokeHandler } from './revoke.ts';
import { createTokenHandler, type TokenDeps } from './token.ts';

/** The one scope of this version: what an agent may do is policy's business, not a scope's. */
export const SCOPES: readonly string[] = ['mcp'];

export interface AuthorizationServer {
  /** True for every path this server answers; `path` may carry a query. */
  owns(path: string): boolean;
  /**
   * Answers a request; undefined when the path is none of ours. Never rejects: a fault is a logged
   * 500 `server_error`.
   */
  handle(request: OAuthRequest): Promise<OAuthResponse | undefined>;
}

export interface AuthorizationServerDeps {
  readonly resources: ResourceDirectory;
  readonly keys: IssuerKeys;
  readonly tokens: AccessTokens;
  readonly registry: AgentRegistry;
  readonly revocations: Revocations;
  readonly assertions: AssertionVerifier;
  readonly agentKeys: TokenDeps['agentKeys'];
  readonly mintRights: TokenDeps['mintRights'];
  readonly exchange: TokenDeps['exchange'];
  readonly workloads: TokenDeps['workloads'];
  readonly clients: Clients;
  readonly grants: Grants;
  readonly verifyHuman: VerifyHuman;
  readonly mayConnect?: (user: string, agent: Agent) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onEvent: (event: OAuthEvent) => void;
}

interface Route {
  readonly methods: readonly string[];
  /** Callable by scripts of any origin: nothing here acts on cookies. */
  readonly cors: boolean;
  readonly run: (request: OAuthRequest) => Promise<OAuthResponse> | OAuthResponse;
}

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': 'authorization, content-type, dpop, mcp-protocol-version',
  'access-control-max-age': '600',
};

/** The OAuth endpoints and discovery documents, for the edge to mount. */
export function createAuthorizationServer(deps: AuthorizationServerDeps): AuthorizationServer {
  const { resources, clock, random, logger, keys } = deps;
  const urls = endpointUrls(resources.issuer);
  const wellKnown = createWellKnown(resources, SCOPES);
  const codes = createCodes(clock, random);
  deps.revocations.onMark(({ id }) => codes.drop(id));
  const perRemote = createRateLimit(clock, { burst: 120, perMinute: 240 });
  const limited =
    (run: Route['run']): Route['run'] =>
    (request) =>
      perRemote.take(request.remote)
        ? run(request)
        : jsonResponse(
            429,
            { error: 'temporarily_unavailable', error_description: 'too many requests' },
            { 'retry-after': '5' },
          );

  const token = createTokenHandler({
    ...deps,
    codes,
    // Not the resource's verifier: a flood here must not fill the memory of used proofs there.
    dpop: createDpopVerifier(clock),
    tokenEndpoint: urls.token,
    scopes: SCOPES,
  });
  const authorize = createAuthorizeHandler({
    ...deps,
    codes,
    scopes: SCOPES,
    endpoint: urls.authorize,
    pages: createRateLimit(clock, { burst: 30, perMinute: 30 }),
    loginsPerRemote: createRateLimit(clock, { burst: 10, perMinute: 5 }),
    loginsOverall: createRateLimit(clock, { burst: 30, perMinute: 20 }),
  });
  const register = createRegisterHandler({
    clients: deps.clients,
    perRemote: createRateLimit(clock, { burst: 20, perMinute: 10 }),
    overall: createRateLimit(clock, { burst: 100, perMinute: 60 }),
    scopes: SCOPES,
  });

  const routes = new Map<string, Route>(
    (
      [
        [urls.token, { methods: ['POST'], cors: true, run: limited(token) }],
        [urls.authorize, { methods: ['GET', 'POST'], cors: false, run: authorize }],
        [urls.register, { methods: ['POST'], cors: true, run: register }],
        [urls.revoke, { methods: ['POST'], cors: true, run: limited(createRevokeHandler(deps)) }],
        [
          urls.jwks,
          {
            methods: ['GET', 'HEAD'],
            cors: true,
            run: () => jsonResponse(200, keys.jwks(), { 'cache-control': 'public, max-age=60' }),
          },
        ],
      ] as const
    ).map(([url, route]) => [new URL(url).pathname, route]),
  );
  const routeFor = (pathname: string): Route | undefined => {
    const route = routes.get(pathname);
    if (route !== undefined) return route;
    const document = wellKnown.find(pathname);
    return document === undefined
      ? undefined
      : {
          methods: ['GET', 'HEAD'],
          cors: true,
          run: () => jsonResponse(200, document, { 'cache-control': 'public, max-age=60' }),
        };
  };

  const answer = async (request: OAuthRequest): Promise<OAuthResponse | undefined> => {
    const route = routeFor(splitTarget(request.path).pathname);
    if (route === undefined) return undefined;
    const cors = route.cors ? CORS : {};
    if (request.method === 'OPTIONS' && route.cors) return { status: 204, headers: cors, body: '' };
    if (!route.methods.includes(request.method))
      return jsonResponse(
        405,
        { error: 'invalid_request', error_description: 'the method is not allowed' },
        { allow: route.methods.join(', ') },
      );
    if (request.body.length > MAX_OAUTH_BODY || request.path.length > MAX_OAUTH_BODY)
      return jsonResponse(413, {
        error: 'invalid_request',
        error_description: 'the request is too large',
      });
    const response = await route.run(request);
    return {
      ...response,
      headers: { ...response.headers, ...cors },
      body: request.method === 'HEAD' ? '' : response.body,
    };
  };

  return {
    owns: (path) => routeFor(splitTarget(path).pathname) !== undefined,
    async handle(request) {
      try {
        return await answer(request);
      } catch (error) {
        logger.error(
          { error, path: splitTarget(request.path).pathname },
          'an OAuth endpoint failed',
        );
        return jsonResponse(500, {
          error: 'server_error',
          error_description: 'the request could not be processed',
        });
      }
    },
  };
}
