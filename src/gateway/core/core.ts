import type { AuditWriter } from '../../audit/index.ts';
import type { Authenticator } from '../../identity/index.ts';
import {
  type Clock,
  type IdSource,
  isAppError,
  type Logger,
  type Random,
} from '../../kernel/index.ts';
import type { PolicyDecisionPoint } from '../../policy/index.ts';
import type { RunningBroker } from '../broker/broker.ts';
import { discoverResult, initializeResult, type SelfFacts } from '../broker/handshake.ts';
import { createSubscriptions } from '../broker/subscriptions.ts';
import { createCatalogue } from '../catalogue/catalogue.ts';
import type {
  Broker,
  GatewayCore,
  InboundRequest,
  Reply,
  ServerConfig,
  UpstreamPool,
} from '../model.ts';
import {
  actorOf,
  type CallContext,
  NO_DECISION,
  type PipelineDeps,
  recordBase,
} from '../pipeline/call-context.ts';
import { agentFacts, chainDetail, delegatedPolicy } from '../pipeline/delegated-policy.ts';
import { ACTION, ADMISSION } from '../pipeline/index.ts';
import { faultReply } from '../pipeline/refusal-replies.ts';
import { runAction, runAdmission } from '../pipeline/run.ts';
import { isLogLevel } from '../wire/envelope.ts';
import { rawAsString, rawGet, rawOf } from '../wire/raw-json.ts';
import type { Sealer } from '../wire/seal.ts';
import { createAttach } from './attach-session.ts';
import { createTracer, traceparentOf } from './call-trace.ts';
import { type Caller, createConnections } from './connections.ts';
import { durableAudit } from './durable-audit.ts';
import { createListens } from './listens.ts';
import { createLists, listKind } from './lists.ts';
import { permitAsk } from './permit-ask.ts';
import { createRefusalRecorder } from './record-refusals.ts';
import { createResolver } from './resolve.ts';
import { createServerFacts, createToolBook } from './server-facts.ts';
import { createSessionPermission } from './session-permission.ts';
import { createSessionPushes } from './session-push.ts';
import { createSpawnTool, OWN_SERVER, type Spawner } from './spawn-tool.ts';
import { spokenServers } from './spoken-servers.ts';
import { systemClient } from './system-client.ts';

export interface CoreDeps {
  readonly authenticator: Authenticator;
  readonly policy: PolicyDecisionPoint;
  /** Counts calls against the limits of delegations. */
  readonly takeCall?: PipelineDeps['takeCall'];
  /** Turns the `sallyport__spawn` tool on. */
  readonly spawner?: Spawner;
  readonly audit: AuditWriter;
  readonly bodies?: PipelineDeps['bodies'];
  readonly pool: UpstreamPool;
  readonly broker: RunningBroker;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly random: Random;
  readonly logger: Logger;
  /** Version of the product, told to clients and servers. */
  readonly version: string;
  /** Resolves when tools that were handed to policy are in force. */
  settled?(): Promise<void>;
  /** The live configuration, for aliases and time-outs. */
  servers(): ReadonlyMap<string, ServerConfig>;
}

export interface RunningCore extends GatewayCore {
  /** Connects to every server and reads its tools; a server that fails is reported and tried again on first use. */
  warm(): Promise<ReadonlyMap<string, string | undefined>>;
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/** Answers what the edge admits: protocol methods from our own state, actions through the pipeline. */
export function createGatewayCore(deps: CoreDeps): RunningCore {
  const { pool, clock, ids, logger, sealer } = deps;
  // Everything behind this line asks policy with the bounds of the caller's chain.
  const policy = delegatedPolicy(deps.policy);
  const audit = durableAudit(deps.audit);
  const self: SelfFacts = {
    serverInfo: rawOf({ name: 'sallyport', title: 'Sallyport', version: deps.version }),
  };
  const system = systemClient(deps.version);
  const tracer = createTracer(deps.random);
  const subscriptions = createSubscriptions({ clock, logger });
  const permission = createSessionPermission(policy, clock);
  const pushes = createSessionPushes({
    subscriptions,
    policy,
    logger,
    mayListen: permission.mayListen,
  });
  const toolBook = createToolBook((server, tools) => policy.setTools(server, tools));
  // Waited for only after tools changed: on the hot path nothing is pending.
  let unsettled = false;
  const settled = async (): Promise<void> => {
    if (!unsettled) return;
    await deps.settled?.();
    unsettled = false;
  };
  const catalogue = createCatalogue({
    clock,
    aliases: (server) => deps.servers().get(server)?.aliases,
    onListing: (server, kind, listing) => {
      if (kind === 'tools' && toolBook(server, listing)) unsettled = true;
    },
  });
  const facts = createServerFacts({ pool, catalogue, clock, client: system });
  const connections = createConnections(pool, (connection, caller) => {
    facts.saw(connection);
    if (caller.session === undefined) return;
    pushes.connected(caller.session, connection);
    if (caller.session.logLevel !== undefined)
      setUpstreamLevel(connection, caller, caller.session.logLevel);
  });
  const spawnTool =
    deps.spawner === undefined
      ? undefined
      : createSpawnTool(deps.spawner, () => !deps.servers().has(OWN_SERVER));
  if (spawnTool !== undefined && !deps.servers().has(OWN_SERVER)) {
    policy.setTools(OWN_SERVER, spawnTool.tools);
    unsettled = true;
  }
  const lists = createLists({
    connections,
    catalogue,
    policy,
    sealer,
    ...(spawnTool === undefined ? {} : { own: spawnTool.listed }),
    settled,
    now: () => clock.now(),
  });
  const listens = createListens({
    connections,
    catalogue,
    policy,
    audit,
    subscriptions,
    broker: deps.broker,
    self,
  });
  const resolve = createResolver({
    connections,
    catalogue,
    now: () => clock.now(),
    settled,
    mayUse: (principal, server, kind, name) =>
      policy.mayUse(agentFacts(principal), server, kind, name),
    serverOfTask: (taskId) => deps.broker.serverOfTask(taskId),
    serverOfAlias(alias) {
      for (const [server, config] of deps.servers()) {
        if (config.aliases !== undefined && Object.values(config.aliases).includes(alias))
          return server;
      }
      return undefined;
    },
  });
  const fault = (step: string, error: unknown, call?: string): void =>
    logger.error(
      { step, call, code: isAppError(error) ? error.code : undefined, err: error },
      'a pipeline step failed',
    );
  const attach = createAttach({
    policy,
    permission,
    audit,
    connections,
    pushes,
    clock,
    ids,
    onFault: (error) => fault('attach', error),
  });
  const recordRefusal = createRefusalRecorder({
    audit,
    clock,
    onFault: (error) => fault('record-refusal', error),
  });

  function setUpstreamLevel(
    connection: Parameters<typeof facts.saw>[0],
    caller: Caller,
    level: string,
  ): Promise<void> {
    if (
      connection.info.era !== 'legacy' ||
      rawGet(connection.info.capabilities, 'logging') === undefined
    )
      return Promise.resolve();
    return connection
      .request({
        method: 'logging/setLevel',
        params: rawOf({ level }),
        client: caller.client,
        extraHeaders: {},
        paramHeaders: {},
        signal: new AbortController().signal,
        timeoutMs: 5_000,
        onNotification: () => undefined,
        onRequest: () =>
          Promise.resolve({ error: rawOf({ code: -32601, message: 'not available here' }) }),
      })
      .then(
        () => undefined,
        (error: unknown) =>
          logger.warn({ server: connection.server, err: error }, 'a server refused the log level'),
      );
  }

  // Subscriptions of legacy sessions are the gateway's own state, so these two are forwarded as such.
  const broker: Broker = {
    async exchange(connection, request, target) {
      if (spawnTool?.isOwn(connection) === true) return spawnTool.call(request, target.params);
      const { session } = request.downstream;
      const subscribing = request.method === 'resources/subscribe';
      if (session === undefined || (!subscribing && request.method !== 'resources/unsubscribe')) {
        return deps.broker.exchange(connection, request, target);
      }
      const uriRaw = target.params === undefined ? undefined : rawGet(target.params, 'uri');
      const uri = uriRaw === undefined ? undefined : rawAsString(uriRaw);
      if (uri === undefined)
        return { kind: 'error', status: 200, code: -32602, message: 'params.uri must be a string' };
      if (!subscribing) await pushes.unsubscribe(session, uri);
      else if (!(await pushes.subscribe(session, connection, uri))) {
        return {
          kind: 'error',
          status: 200,
          code: -32602,
          message: 'The server does not offer updates of this resource',
          data: rawOf({ uri }),
        };
      }
      return { kind: 'result', result: rawOf({}) };
    },
  };

  const pipeline: PipelineDeps = {
    clock,
    ids,
    audit,
    policy,
    ...(deps.takeCall === undefined ? {} : { takeCall: deps.takeCall }),
    ...(deps.bodies === undefined ? {} : { bodies: deps.bodies }),
    broker,
    revoked: (principal) => deps.authenticator.revoked(principal),
    resolve: (context) => spawnTool?.resolve(context) ?? resolve(context),
    timeoutMs: (server) => deps.servers().get(server)?.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    permitAsk: (context, method, params) => permitAsk(context, pipeline, method, params),
    onFault: (context, step, error) => fault(step, error, context.call),
  };

  const contextOf = (request: InboundRequest): CallContext => {
    const trace = tracer.start(request.traceparent);
    return {
      call: ids.next('call'),
      decisionId: ids.next('decision'),
      time: clock.now(),
      // The upstream's parent is our span, so that the trace runs through us and not around us.
      request: { ...request, traceparent: traceparentOf(trace) },
      principal: request.downstream.principal,
      trace,
      target: undefined,
      args: undefined,
      argumentsDigest: '',
      decision: NO_DECISION,
      hidden: false,
      refusal: undefined,
      receipt: undefined,
      reply: undefined,
      fault: undefined,
    };
  };

  const list = async (
    request: InboundRequest,
    kind: NonNullable<ReturnType<typeof listKind>>,
  ): Promise<Reply> => {
    const context = contextOf(request);
    const { endpoint } = request.downstream;
    const base = {
      ...recordBase(context),
      ...(endpoint.kind === 'server' ? { server: endpoint.server } : {}),
    };
    const outcome = (effect: string, detail: Readonly<Record<string, unknown>>): void =>
      void audit
        .append({ type: 'outcome', time: clock.now(), ...base, effect, detail }, 'soon')
        .catch((error: unknown) => fault('record-outcome', error, context.call));
    try {
      const answer = await lists(kind, request, async ({ permitted, denied }) => {
        context.receipt = await audit.append({
          type: 'decision',
          time: context.time,
          ...base,
          effect: permitted.length === 0 ? 'deny' : 'allow',
          detail: {
            policyVersion: policy.version(),
            ...chainDetail(request.downstream.principal),
            ...(denied.length === 0 ? {} : { denied }),
          },
        });
      });
      outcome(answer.reply.kind === 'error' ? 'error' : 'ok', {
        shown: answer.shown,
        hidden: answer.hidden,
        ...(answer.down.length === 0 ? {} : { down: answer.down }),
      });
      return answer.reply;
    } catch (error) {
      if (context.receipt !== undefined)
        outcome('fault', { error: isAppError(error) ? error.code : 'INTERNAL' });
      throw error;
    }
  };

  const setLevel = async (request: InboundRequest): Promise<Reply> => {
    const raw = request.params === undefined ? undefined : rawGet(request.params, 'level');
    const level = raw === undefined ? undefined : rawAsString(raw);
    if (!isLogLevel(level))
      return {
        kind: 'error',
        status: 200,
        code: -32602,
        message: 'params.level is not a log level',
      };
    const { session } = request.downstream;
    if (session !== undefined) {
      await audit.append({
        type: 'session',
        time: clock.now(),
        actor: actorOf(request.downstream.principal),
        session: session.id,
        method: request.method,
        effect: 'log_level',
        detail: { level },
      });
      session.logLevel = level;
      // Nobody is connected to for this: a connection that comes later gets the level then.
      const known = connections.of(session);
      await Promise.all(
        known.map((connection) => setUpstreamLevel(connection, request.downstream, level)),
      );
    }
    return { kind: 'result', result: rawOf({}) };
  };

  const answer = async (request: InboundRequest): Promise<Reply> => {
    const { client, endpoint, principal } = request.downstream;
    // Admission was before the body came, and that can take a while. The pipeline words and records the refusal.
    if (deps.authenticator.revoked(principal) !== undefined)
      return runAction(ACTION, contextOf(request), pipeline);
    const kind = listKind(request.method);
    if (kind !== undefined) return list(request, kind);
    if (request.method === 'server/discover') {
      const described = await facts.describe(connections.serversOf(endpoint));
      const spoken = spokenServers(policy, request.downstream, clock.now(), described, self);
      return { kind: 'result', result: discoverResult(client, spoken, self) };
    }
    if (request.method === 'subscriptions/listen' && client.era === 'modern')
      return listens.listen(request, contextOf(request));
    if (request.method === 'logging/setLevel' && client.era === 'legacy') return setLevel(request);
    if (request.method === 'ping' && client.era === 'legacy')
      return { kind: 'result', result: rawOf({}) };
    return runAction(ACTION, contextOf(request), pipeline);
  };

  const offPolicy = policy.onChange(() => {
    const kinds = ['tools', 'prompts', 'resources'] as const;
    pushes.announceAll(kinds);
    listens.announceAll(kinds);
  });
  const offPool = pool.onChange((server, what) => {
    if (what === 'config' || what === 'down') facts.forget(server);
    if (what === 'config' && pool.servers().includes(server)) {
      facts
        .warm(server)
        .catch((error: unknown) =>
          logger.warn({ server, err: error }, 'a server could not be read'),
        );
    }
  });
  const offRevoked = deps.authenticator.onRevoked((agentId) => {
    deps.broker.dropAgent(agentId);
    listens.endAgent(agentId, 'revoked');
  });

  return {
    admit(credential) {
      const admitted = runAdmission(ADMISSION, credential, deps.authenticator, fault);
      const noted = (value: Awaited<typeof admitted>): Awaited<typeof admitted> => {
        // A first request without any credential is how OAuth discovery begins, not an incident.
        if ('refused' in value && credential.authorization !== undefined)
          recordRefusal(value, credential);
        return value;
      };
      return admitted instanceof Promise ? admitted.then(noted) : noted(admitted);
    },
    async initialize({ principal, client, endpoint }) {
      const servers = connections.serversOf(endpoint);
      const described = await facts.describe(servers);
      if (endpoint.kind === 'server' && described.length === 0) {
        const { server } = endpoint;
        const { code, message } = facts.problem(server) ?? {
          code: 'GW_UPSTREAM_UNAVAILABLE',
          message: `server ${server} is not available`,
        };
        return faultReply(code, message, { server });
      }
      await audit.append({
        type: 'session',
        time: clock.now(),
        actor: actorOf(principal),
        method: 'initialize',
        effect: 'begin',
        detail: {
          revision: client.revision,
          endpoint: endpoint.kind === 'all' ? 'all' : endpoint.server,
        },
      });
      const spoken = spokenServers(policy, { principal, client }, clock.now(), described, self);
      return { kind: 'result', result: initializeResult(client, spoken, self) };
    },
    async handle(request) {
      try {
        return await answer(request);
      } catch (error) {
        const id = ids.next('fault');
        if (isAppError(error)) {
          if (error.code === 'GW_NOT_RECORDED') fault(request.method, error);
          return faultReply(
            error.code,
            error.message,
            { fault: id },
            error.status === 503 ? 503 : 200,
          );
        }
        fault(request.method, error);
        return faultReply('INTERNAL', `internal fault ${id}`, { fault: id });
      }
    },
    notification(session, method) {
      if (method !== 'notifications/roots/list_changed') return;
      const caller: Caller = { ...session, session };
      for (const server of connections.serversOf(session.endpoint)) {
        // Who may not ask for the roots need not hear of them.
        if (!permission.mayAskRoots(session, server)) continue;
        const found = connections.to(server, caller, new AbortController().signal);
        // Only servers that are already there care; a server that starts later asks for the roots itself.
        // Params say nothing here (2025-11-25, roots) and were not decided on, so they stay behind.
        if (!(found instanceof Promise) && found.info.era === 'legacy')
          found.notify(method, undefined);
        else if (found instanceof Promise) found.catch(() => undefined);
      }
    },
    attach,
    endSession(session) {
      pushes.end(session);
      pool.releaseSession(session.id);
    },
    async warm() {
      const results = new Map<string, string | undefined>();
      await Promise.all(
        pool.servers().map((server) =>
          facts.warm(server).then(
            () => results.set(server, undefined),
            (error: unknown) =>
              results.set(server, isAppError(error) ? error.message : 'could not be read'),
          ),
        ),
      );
      return results;
    },
    close() {
      offPolicy();
      offPool();
      offRevoked();
      listens.close();
      deps.broker.close();
    },
  };
}
