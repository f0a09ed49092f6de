import type { AuditWriter } from '../../audit/index.ts';
import { sha256Hex } from '../../kernel/index.ts';
import type { Decision, PolicyDecisionPoint } from '../../policy/index.ts';
import type { RunningBroker } from '../broker/broker.ts';
import type { SelfFacts } from '../broker/handshake.ts';
import { type ListKind, readFilter, writeFilter } from '../broker/subscription-filter.ts';
import {
  listenResult,
  type OpenSubscription,
  type Subscriptions,
} from '../broker/subscriptions.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { InboundRequest, RawJson, Reply } from '../model.ts';
import { type CallContext, denied, recordBase, recordedName } from '../pipeline/call-context.ts';
import { agentFacts } from '../pipeline/decide.ts';
import { refusalReply } from '../pipeline/refusal-replies.ts';
import { rawGet, rawKind } from '../wire/raw-json.ts';
import type { Connections } from './connections.ts';
import { ownerOfUri } from './owner-of-uri.ts';

export interface Listens {
  /** Resolves when the subscription ends; messages go out through `downstream.notify`. */
  listen(request: InboundRequest, context: CallContext): Promise<Reply>;
  announceAll(kinds: readonly ListKind[]): void;
  endAgent(agentId: string, reason: string): void;
  close(): void;
}

/** URIs of one subscription that are recorded one by one. */
const MAX_RECORDED_URIS = 64;

interface Running {
  readonly agentId: string;
  readonly open: OpenSubscription;
  finish(): void;
}

/** `subscriptions/listen` (2026-07-28): one stream over every server of the endpoint, without what the agent may not read. */
export function createListens(deps: {
  readonly connections: Connections;
  readonly catalogue: Catalogue;
  readonly policy: PolicyDecisionPoint;
  readonly audit: AuditWriter;
  readonly subscriptions: Subscriptions;
  readonly broker: RunningBroker;
  readonly self: SelfFacts;
}): Listens {
  const running = new Set<Running>();

  const readable = async (
    request: InboundRequest,
    permitted: ReadonlySet<string>,
    uri: string,
  ): Promise<string | undefined> => {
    const { downstream } = request;
    const servers = deps.connections.serversOf(downstream.endpoint);
    const only = servers.length === 1 ? servers[0] : undefined;
    const server = only ?? (await ownerOfUri(deps, downstream, uri, downstream.signal)).server;
    if (server === undefined || !permitted.has(server)) return undefined;
    return deps.policy.mayUse(agentFacts(downstream.principal), server, 'resource', uri)
      ? server
      : undefined;
  };

  const decide = (request: InboundRequest, server: string, now: number): Decision => {
    const { principal, transport, client } = request.downstream;
    return deps.policy.decide({
      agent: agentFacts(principal),
      ...(principal.user === undefined ? {} : { user: principal.user }),
      kind: 'listen',
      method: request.method,
      server,
      target: request.method,
      session: { now, transport, era: client.era },
    });
  };

  return {
    async listen(request, context) {
      const { downstream } = request;
      const raw =
        request.params === undefined ? undefined : rawGet(request.params, 'notifications');
      if (raw === undefined || rawKind(raw) !== 'object') {
        return {
          kind: 'error',
          status: 200,
          code: -32602,
          message: 'params.notifications must be an object',
        };
      }
      const wanted = readFilter(raw);
      const permitted = new Set<string>();
      const refused: string[] = [];
      let refusal: Decision = denied('no_server', 'no server of this endpoint can be listened to.');
      for (const server of deps.connections.serversOf(downstream.endpoint)) {
        const decision = decide(request, server, context.time);
        if (decision.effect === 'allow') permitted.add(server);
        else {
          refused.push(server);
          refusal = decision;
        }
      }
      if (permitted.size === 0 && refused.length > 0) {
        await deps.audit.append({
          type: 'decision',
          time: context.time,
          ...recordBase(context),
          effect: refusal.effect,
          detail: {
            reasons: refusal.reasons.map((reason) => reason.code),
            policies: refusal.policies,
            policyVersion: refusal.policyVersion,
            denied: refused,
          },
        });
        const { decisionId } = context;
        const { era } = downstream.client;
        return refusalReply({ method: request.method, era, decision: refusal, decisionId });
      }
      const owners = new Map<string, string>();
      for (const uri of wanted.uris) {
        const server = await readable(request, permitted, uri);
        if (server !== undefined) owners.set(uri, server);
      }
      await deps.audit.append({
        type: 'decision',
        time: context.time,
        ...recordBase(context),
        effect: 'allow',
        detail: {
          ...(refused.length === 0 ? {} : { denied: refused }),
          lists: [...wanted.lists],
          resources: [...owners.keys()].slice(0, MAX_RECORDED_URIS).map(recordedName),
          ...(owners.size > MAX_RECORDED_URIS
            ? {
                more: owners.size - MAX_RECORDED_URIS,
                digest: sha256Hex([...owners.keys()].join('\n')),
              }
            : {}),
          refused: wanted.uris.length - owners.size,
          policyVersion: deps.policy.version(),
        },
      });
      const { up } = await deps.connections.all(downstream, downstream.signal, [...permitted]);
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      const finish = (): void => resolve();
      const open = await deps.subscriptions.open({
        connections: up,
        filter: writeFilter({ ...wanted, uris: [...owners.keys()] }),
        client: downstream.client,
        subscriptionId: request.id,
        ownerOf: (uri) => owners.get(uri),
        tasks: deps.broker.taskNames(downstream.principal),
        mayHear: (server, uri) =>
          deps.policy.mayUse(agentFacts(downstream.principal), server, 'resource', uri),
        onMessage: (method, params) => downstream.notify(method, params),
        signal: downstream.signal,
      });
      const entry: Running = { agentId: downstream.principal.agent.id, open, finish };
      running.add(entry);
      downstream.signal.addEventListener('abort', finish, { once: true });
      if (downstream.signal.aborted) finish();
      await ended;
      running.delete(entry);
      downstream.signal.removeEventListener('abort', finish);
      open.close();
      return { kind: 'result', result: listenResult(request.id as RawJson, deps.self.serverInfo) };
    },
    announceAll(kinds) {
      for (const { open } of running) for (const kind of kinds) open.announce(kind);
    },
    endAgent(agentId, reason) {
      for (const entry of running) {
        if (entry.agentId !== agentId) continue;
        entry.open.end(reason);
        entry.finish();
      }
    },
    close() {
      for (const entry of running) {
        entry.open.end('the gateway is shutting down');
        entry.finish();
      }
    },
  };
}
