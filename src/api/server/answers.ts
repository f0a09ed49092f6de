import type { z } from 'zod';
import type { Actor } from '../../identity/index.ts';
import { AppError, DAY_MS, SECOND_MS } from '../../kernel/index.ts';
import type { ActionRequest, JsonValue } from '../../policy/index.ts';
import type { ROUTES, RouteId, RouteOutput } from '../contract/index.ts';
import { findAgent, viewAgent, viewKey } from './agent-view.ts';
import type { AdminApiDeps } from './deps.ts';
import { createPolicyAnswers } from './policy-answers.ts';

type Spec<I extends RouteId> = (typeof ROUTES)[I];
type Parsed<I extends RouteId, K extends 'body' | 'query'> =
  Spec<I> extends {
    readonly [Key in K]: infer S extends z.ZodType;
  }
    ? z.output<S>
    : undefined;

export interface Asked<I extends RouteId> {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Parsed<I, 'body'>;
  readonly query: Parsed<I, 'query'>;
  /** Who changes something and why; the reason is empty for reads. */
  readonly by: Actor;
}

export type Answers = {
  readonly [I in Exclude<RouteId, 'audit.tail'>]: (
    asked: Asked<I>,
  ) => RouteOutput<I> | Promise<RouteOutput<I>>;
};

const METHODS: Readonly<Record<ActionRequest['kind'], string>> = {
  tool: 'tools/call',
  resource: 'resources/read',
  prompt: 'prompts/get',
  completion: 'completion/complete',
  list: 'tools/list',
  listen: 'subscriptions/listen',
  task: 'tasks/get',
  sampling: 'sampling/createMessage',
  elicitation: 'elicitation/create',
  roots: 'roots/list',
  other: 'other',
};
const CODE_LIFE_SECONDS = 600;

/** What each route does. Validation, permission and the form of errors are the router's. */
export function createAnswers(deps: AdminApiDeps): Answers {
  const { identity, policy, audit, clock } = deps;
  const { registry, agentKeys, bootstraps, revocations } = identity;
  const startedAt = clock.now();
  const view = (agent: Parameters<typeof viewAgent>[0]) =>
    viewAgent(agent, agentKeys.list(agent.id), clock.now());
  const param = (asked: { params: Readonly<Record<string, string>> }, name: string): string =>
    asked.params[name] ?? '';
  const agentOf = (asked: { params: Readonly<Record<string, string>> }) =>
    findAgent(identity, param(asked, 'agent'));
  const serverOf = (asked: { params: Readonly<Record<string, string>> }): string => {
    const named = param(asked, 'server');
    const found = deps.servers().find(({ server }) => server === named);
    if (found === undefined)
      throw new AppError('API_NOT_FOUND', { params: { what: 'server of that name' } });
    return found.server;
  };
  /** Changes that no area records by itself. */
  const record = async (by: Actor, action: string, facts: Record<string, string> = {}) => {
    await audit.append({
      type: 'admin',
      time: clock.now(),
      actor: { agent: '', agentId: '', owner: '', user: by.user, channel: by.channel },
      effect: 'changed',
      detail: { area: 'api', action, reason: by.reason, ...facts },
    });
  };

  return {
    'status.get'() {
      const { mode, version } = policy.status();
      return {
        version: deps.version,
        mcpUrl: deps.mcpUrl,
        startedAt,
        ready: audit.healthy(),
        agents: registry.list().filter(({ state }) => state !== 'retired').length,
        servers: deps.servers().length,
        policyVersion: version,
        policyMode: mode,
        audit: { healthy: audit.healthy(), head: { ...audit.head() } },
        edge: { ...deps.edge() },
      };
    },
    'agents.list': () => ({ agents: registry.list().map(view) }),
    'agents.get'(asked) {
      const agent = agentOf(asked);
      return {
        ...view(agent),
        keys: agentKeys.list(agent.id).map(viewKey),
        bootstrapTokens: bootstraps
          .list(agent.id)
          .map(({ id, createdAt, expiresAt, revokedAt }) => ({
            id,
            createdAt,
            expiresAt,
            revokedAt: revokedAt ?? null,
          })),
      };
    },
    async 'agents.register'({ body, by }) {
      const { lifeDays, activate, reason: _, environment, riskTier, blueprint, ...facts } = body;
      const agent = await registry.register(
        {
          ...facts,
          expiresAt: clock.now() + lifeDays * DAY_MS,
          ...(environment === undefined ? {} : { environment }),
          ...(riskTier === undefined ? {} : { riskTier }),
          ...(blueprint === undefined ? {} : { blueprint }),
        },
        by,
      );
      if (!activate) return { agent: view(agent), keyFile: null };
      const { file } = await agentKeys.generate(agent.id, by);
      return { agent: view(await registry.transition(agent.id, 'active', by)), keyFile: file };
    },
    async 'agents.transition'(asked) {
      return view(await registry.transition(agentOf(asked).id, asked.body.to, asked.by));
    },
    async 'agents.revoke'(asked) {
      const { id } = agentOf(asked);
      await revocations.revoke(id, asked.by, id);
      return { done: true };
    },
    async 'keys.create'(asked) {
      const { id } = agentOf(asked);
      const { publicJwk, algorithm } = asked.body;
      if (publicJwk !== undefined)
        return { key: viewKey(await agentKeys.add(id, publicJwk, asked.by)), keyFile: null };
      const { key, file } = await agentKeys.generate(id, asked.by, algorithm);
      return { key: viewKey(key), keyFile: file };
    },
    async 'keys.revoke'(asked) {
      await agentKeys.revoke(param(asked, 'key'), asked.by);
      return { done: true };
    },
    async 'bootstraps.create'(asked) {
      const life = asked.body.lifeSeconds * SECOND_MS;
      return { ...(await bootstraps.issue(agentOf(asked).id, asked.by, life)) };
    },
    async 'bootstraps.revoke'(asked) {
      await bootstraps.revoke(param(asked, 'token'), asked.by);
      return { done: true };
    },
    'servers.list': () => ({
      servers: deps.servers().map(({ server, era, revision, lastError, ...rest }) => ({
        name: server,
        ...rest,
        era: era ?? null,
        revision: revision ?? null,
        lastError: lastError ?? null,
        tools: deps.tools(server)?.map((tool) => ({ ...tool })) ?? null,
      })),
    }),
    async 'servers.login'(asked) {
      const server = serverOf(asked);
      await record(asked.by, 'servers.login', { server });
      return { ...(await deps.upstreamOAuth.startLogin(server)) };
    },
    'servers.loginState'(asked) {
      const found = deps.upstreamOAuth.loginState(param(asked, 'login'));
      return { state: found.state, problem: found.state === 'failed' ? found.problem : null };
    },
    'servers.authorization'(asked) {
      const found = deps.upstreamOAuth.state(serverOf(asked));
      return {
        authorized: found?.authorized ?? false,
        wantsLogin: found?.wantsLogin ?? false,
        issuer: found?.issuer ?? null,
        scopes: [...(found?.scopes ?? [])],
        expiresAt: found?.expiresAt ?? null,
      };
    },
    async 'servers.logout'(asked) {
      const server = serverOf(asked);
      await record(asked.by, 'servers.logout', { server });
      await deps.upstreamOAuth.forget(server);
      return { done: true };
    },
    'policy.get'() {
      const { version, mode, engine, policies, lastReport } = policy.status();
      return plain({ version, mode, engine, policies, problems: lastReport?.problems ?? [] });
    },
    async 'policy.check'() {
      const { applied, version, policies, problems } = await policy.check();
      return plain({ applied, version, policies, problems });
    },
    'policy.explain'({ body }) {
      const agent = findAgent(identity, body.agent);
      const request: ActionRequest = {
        agent: {
          id: agent.id,
          name: agent.name,
          owner: agent.owners[0] ?? '',
          groups: agent.groups,
          ...(agent.blueprint === undefined ? {} : { blueprint: agent.blueprint }),
          ...(agent.environment === undefined ? {} : { environment: agent.environment }),
          ...(agent.riskTier === undefined ? {} : { riskTier: agent.riskTier }),
        },
        kind: body.kind,
        method: body.method ?? METHODS[body.kind],
        server: body.server,
        target: body.target,
        session: {
          now: clock.now(),
          transport: 'http',
          era: 'modern',
          ...(body.approved === undefined ? {} : { approved: body.approved }),
        },
        ...(body.user === undefined ? {} : { user: body.user }),
        ...(body.arguments === undefined
          ? {}
          : { arguments: body.arguments as { readonly [key: string]: JsonValue } }),
      };
      return plain(policy.explain(request)) as RouteOutput<'policy.explain'>;
    },
    ...createPolicyAnswers(deps.policyChanges),
    async 'audit.query'({ query }) {
      const { order, limit, after, ...rest } = query;
      const page = given({ order, limit, after });
      const { records, next, indexedTo } = await deps.auditIndex.query(given(rest), page);
      return plain({ records, next: next ?? null, indexedTo });
    },
    async 'config.reload'({ by }) {
      await record(by, 'config.reload');
      await deps.reload();
      return {
        policyVersion: policy.version(),
        policiesApplied: policy.status().lastReport?.applied ?? true,
        servers: deps.servers().map(({ server }) => server),
      };
    },
    async 'login.create'({ body, by }) {
      const user = body.user ?? 'local operator';
      if (/\p{C}/u.test(user))
        throw new AppError('API_INVALID', { params: { problem: 'user is not printable' } });
      await record(by, 'login.create', { user });
      const code = deps.loginCodes.issue(user);
      return {
        code,
        url: `${deps.adminUrl}/login?code=${code}`,
        expiresInSeconds: CODE_LIFE_SECONDS,
      };
    },
  };
}

/** Without the members that are undefined, which optional properties may not be. */
function given<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** A plain copy as JSON carries it; integers beyond 2^53 become text. */
function plain<T>(value: T): Mutable<T> {
  return JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) =>
      typeof inner === 'bigint' ? inner.toString() : inner,
    ),
  ) as Mutable<T>;
}
type Mutable<T> = T extends readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;
