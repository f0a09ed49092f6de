import type { AuditRecord, AuditWriter } from '../../audit/index.ts';
import { createIdSource, createSeededRandom, type IdSource } from '../../kernel/index.ts';
import type { ActionRequest, Decision, PolicyDecisionPoint } from '../../policy/index.ts';
import {
  type Bench,
  bench,
  type ClientOptions,
  type FakeClient,
  type FakeUpstream,
  fakeClient,
  fakeUpstream,
  ok,
  raw,
} from '../broker/fixtures/scripted.ts';
import { type Catalogue, createCatalogue } from '../catalogue/catalogue.ts';
import { listOf } from '../catalogue/fetch-list.ts';
import type { Endpoint, InboundRequest, ItemKind, RawJson, UpstreamPool } from '../model.ts';
import { type CallContext, NO_DECISION } from '../pipeline/call-context.ts';
import { type Connections, createConnections } from './connections.ts';

export type Offers = Partial<Record<ItemKind, readonly unknown[]>>;

/** A scripted server that lists what `offers` holds when it is asked, and answers anything else with `{}`. */
export function listingUpstream(
  server: string,
  offers: Offers,
  options: { readonly revision?: '2025-11-25' | '2026-07-28' } = {},
): FakeUpstream {
  const kinds = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const;
  return fakeUpstream({
    server,
    capabilities: { tools: {}, prompts: {}, resources: { subscribe: true } },
    ...options,
    script: (request) => {
      const kind = kinds.find((one) => listOf(one).method === request.method);
      return ok(kind === undefined ? {} : { [listOf(kind).member]: offers[kind] ?? [] });
    },
  });
}

export interface CoreRig extends Bench {
  readonly connections: Connections;
  readonly catalogue: Catalogue;
  readonly policy: PolicyDecisionPoint;
  readonly asked: ActionRequest[];
  readonly records: AuditRecord[];
  readonly audit: AuditWriter;
  readonly ids: IdSource;
  readonly rules: {
    /** False: hidden from everybody. */
    mayUse: (agentId: string, server: string, kind: string, target: string) => boolean;
    effect: (request: ActionRequest) => Decision['effect'];
    auditFails: boolean;
  };
  /** Servers that can not be reached. */
  readonly down: Set<string>;
  request(method: string, params?: unknown, options?: RequestOptions): Rigged;
}

export interface RequestOptions extends ClientOptions {
  readonly endpoint?: Endpoint;
  readonly paramHeaders?: Readonly<Record<string, string>>;
}

export interface Rigged {
  readonly request: InboundRequest;
  readonly context: CallContext;
  readonly client: FakeClient;
}

/** What the parts of the core stand on, with scripted servers and a policy that the test sets. */
export function coreRig(
  upstreams: readonly FakeUpstream[],
  aliases: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): CoreRig {
  const base = bench();
  const ids = createIdSource(base.clock, createSeededRandom(3));
  const down = new Set<string>();
  const asked: ActionRequest[] = [];
  const records: AuditRecord[] = [];
  const rules: CoreRig['rules'] = {
    mayUse: () => true,
    effect: () => 'allow',
    auditFails: false,
  };
  const pool: Pick<UpstreamPool, 'servers' | 'acquire' | 'onChange'> = {
    onChange: () => () => undefined,
    servers: () => upstreams.map(({ connection }) => connection.server),
    async acquire({ server }) {
      const found = upstreams.find(({ connection }) => connection.server === server);
      if (found === undefined || down.has(server)) throw new Error(`${server} is down`);
      return found.connection;
    },
  };
  const policy: PolicyDecisionPoint = {
    decide(request) {
      asked.push(request);
      const effect = rules.effect(request);
      const reasons = effect === 'allow' ? [] : [{ code: 'forbidden', message: 'not today.' }];
      return { ...NO_DECISION, effect, reasons, policyVersion: 'v1' };
    },
    mayUse: (agent, server, kind, target) => rules.mayUse(agent.id, server, kind, target),
    setTools: () => undefined,
    version: () => 'v1',
    onChange: () => () => undefined,
  };
  return {
    ...base,
    ids,
    down,
    asked,
    records,
    rules,
    policy,
    audit: {
      append(record) {
        if (rules.auditFails) return Promise.reject(new Error('disk is gone'));
        records.push(record);
        return Promise.resolve({ seq: records.length - 1, hash: '' });
      },
    },
    connections: createConnections(pool as UpstreamPool, () => undefined),
    catalogue: createCatalogue({
      clock: base.clock,
      aliases: (server) => aliases[server],
      onListing: () => undefined,
    }),
    request(method, params, options = {}) {
      const client = fakeClient(options);
      const downstream = {
        ...client.downstream,
        endpoint: options.endpoint ?? ({ kind: 'all' } as const),
      };
      const request: InboundRequest = {
        id: '"req-1"' as RawJson,
        method,
        params: params === undefined ? undefined : raw(params),
        paramHeaders: options.paramHeaders ?? {},
        traceparent: undefined,
        tracestate: undefined,
        downstream,
      };
      const context: CallContext = {
        call: ids.next('call'),
        decisionId: ids.next('decision'),
        time: base.clock.now(),
        request,
        principal: downstream.principal,
        trace: { traceId: '1'.repeat(32), spanId: '2'.repeat(16), parent: undefined },
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
      return { request, context, client };
    },
  };
}

export const at = (server: string): Endpoint => ({ kind: 'server', server });
