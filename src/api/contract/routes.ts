import { z } from 'zod';
import { POLICY_CHANGE_ROUTES } from './policy-change-routes.ts';
import {
  AGENT,
  AGENT_DETAIL,
  AGENT_STATE,
  AUDIT_QUERY,
  EXPLAIN,
  EXPLANATION,
  KEY,
  POLICY,
  POLICY_REPORT,
  REASON,
  RECORD,
  REGISTER,
  SERVER,
  STATUS,
  TAIL_QUERY,
} from './schemas.ts';

/** What a caller must be allowed to do; this version has one kind of caller, the administrator, who may all of it. */
export const PERMISSIONS = [
  'status.read',
  'agents.read',
  'agents.write',
  'agents.restrict',
  'servers.read',
  'servers.authorize',
  'policy.read',
  'policy.write',
  'audit.read',
  'config.reload',
  'login.create',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

export interface RouteSpec {
  readonly method: 'GET' | 'POST';
  /** Parameters in braces. */
  readonly path: string;
  readonly summary: string;
  readonly permission: Permission;
  readonly stability: 'stable' | 'beta';
  /** Version of the product that had it first. */
  readonly since: string;
  /** Changes something: the body carries a reason, and the change is recorded. */
  readonly mutates: boolean;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Bytes of the largest body; 256 KiB when absent. */
  readonly maxBody?: number;
  readonly response: z.ZodType;
  /** The answer is a `text/event-stream` of this. */
  readonly stream?: true;
}

const WHY = z.strictObject({ reason: REASON });
const DONE = z.strictObject({ done: z.literal(true) });
const read = { method: 'GET', mutates: false, stability: 'beta', since: '0.1.0' } as const;
const write = { method: 'POST', mutates: true, stability: 'beta', since: '0.1.0' } as const;

/** The admin API, version 1. The server, the typed client and the tests are made from this table. */
export const ROUTES = {
  'status.get': {
    ...read,
    path: '/v1/status',
    summary: 'Whether the gateway is well, in numbers.',
    permission: 'status.read',
    response: STATUS,
  },
  'agents.list': {
    ...read,
    path: '/v1/agents',
    summary: 'All agents, retired ones included.',
    permission: 'agents.read',
    response: z.strictObject({ agents: z.array(AGENT) }),
  },
  'agents.get': {
    ...read,
    path: '/v1/agents/{agent}',
    summary: 'One agent by name or id, with its credentials.',
    permission: 'agents.read',
    response: AGENT_DETAIL,
  },
  'agents.register': {
    ...write,
    path: '/v1/agents',
    summary: 'Registers an agent; by default makes its key and puts it into service.',
    permission: 'agents.write',
    body: REGISTER,
    response: z.strictObject({ agent: AGENT, keyFile: z.string().nullable() }),
  },
  'agents.transition': {
    ...write,
    path: '/v1/agents/{agent}/state',
    summary: 'Moves an agent to another state; a restriction holds from the next call on.',
    permission: 'agents.restrict',
    body: z.strictObject({ to: AGENT_STATE, reason: REASON }),
    response: AGENT,
  },
  'agents.revoke': {
    ...write,
    path: '/v1/agents/{agent}/revoke',
    summary: 'Ends every token issued to the agent so far.',
    permission: 'agents.restrict',
    body: WHY,
    response: DONE,
  },
  'keys.create': {
    ...write,
    path: '/v1/agents/{agent}/keys',
    summary: 'Makes a key pair (the private half goes to a file), or takes a public key.',
    permission: 'agents.write',
    body: z.strictObject({
      algorithm: z.enum(['ES256', 'EdDSA']).default('ES256'),
      publicJwk: z.record(z.string().max(32), z.string().max(512)).optional(),
      reason: REASON,
    }),
    response: z.strictObject({ key: KEY, keyFile: z.string().nullable() }),
  },
  'keys.revoke': {
    ...write,
    path: '/v1/keys/{key}/revoke',
    summary: 'The key signs no more, and the tokens of its agent end.',
    permission: 'agents.restrict',
    body: WHY,
    response: DONE,
  },
  'bootstraps.create': {
    ...write,
    path: '/v1/agents/{agent}/bootstrap-tokens',
    summary: 'A bearer token for the first minutes of an agent; shown once.',
    permission: 'agents.write',
    body: z.strictObject({
      lifeSeconds: z.int().min(60).max(86_400).default(3_600),
      reason: REASON,
    }),
    response: z.strictObject({ id: z.string(), token: z.string(), expiresAt: z.number() }),
  },
  'bootstraps.revoke': {
    ...write,
    path: '/v1/bootstrap-tokens/{token}/revoke',
    summary: 'Ends one bootstrap token.',
    permission: 'agents.restrict',
    body: WHY,
    response: DONE,
  },
  'servers.list': {
    ...read,
    path: '/v1/servers',
    summary: 'The servers behind the gateway and how they are.',
    permission: 'servers.read',
    response: z.strictObject({ servers: z.array(SERVER) }),
  },
  'servers.login': {
    ...write,
    path: '/v1/servers/{server}/login',
    summary: 'Begins the authorization of the gateway at a server; a person opens the URL.',
    permission: 'servers.authorize',
    body: WHY,
    response: z.strictObject({ id: z.string(), url: z.string(), expiresAt: z.number() }),
  },
  'servers.loginState': {
    ...read,
    path: '/v1/server-logins/{login}',
    summary: 'What has become of a begun authorization.',
    permission: 'servers.authorize',
    response: z.strictObject({
      state: z.enum(['open', 'done', 'failed', 'expired', 'unknown']),
      problem: z.string().nullable(),
    }),
  },
  'servers.authorization': {
    ...read,
    path: '/v1/servers/{server}/authorization',
    summary: 'Whether the gateway is authorized at a server, where and for what; no secrets.',
    permission: 'servers.read',
    response: z.strictObject({
      authorized: z.boolean(),
      wantsLogin: z.boolean(),
      issuer: z.string().nullable(),
      scopes: z.array(z.string()),
      expiresAt: z.number().nullable(),
    }),
  },
  'servers.logout': {
    ...write,
    path: '/v1/servers/{server}/logout',
    summary: 'Forgets the tokens and registrations of the gateway at a server.',
    permission: 'servers.authorize',
    body: WHY,
    response: DONE,
  },
  'policy.get': {
    ...read,
    path: '/v1/policy',
    summary: 'The policies in force.',
    permission: 'policy.read',
    response: POLICY,
  },
  'policy.check': {
    ...read,
    path: '/v1/policy/check',
    summary: 'Reads and validates the policy files against the live tools; changes nothing.',
    permission: 'policy.read',
    response: POLICY_REPORT,
  },
  'policy.explain': {
    ...read,
    method: 'POST',
    path: '/v1/policy/explain',
    summary: 'Decides one action without recording it, and says why.',
    permission: 'policy.read',
    body: EXPLAIN,
    response: EXPLANATION,
  },
  ...POLICY_CHANGE_ROUTES,
  'audit.query': {
    ...read,
    path: '/v1/audit',
    summary: 'Records of the audit log, page by page.',
    permission: 'audit.read',
    query: AUDIT_QUERY,
    response: z.strictObject({
      records: z.array(RECORD),
      next: z.number().nullable(),
      indexedTo: z.number(),
    }),
  },
  'audit.tail': {
    ...read,
    path: '/v1/audit/events',
    summary: 'Records as they are written; the id of an event is the sequence number.',
    permission: 'audit.read',
    query: TAIL_QUERY,
    response: RECORD,
    stream: true,
  },
  'config.reload': {
    ...write,
    path: '/v1/reload',
    summary: 'Reads configuration and policies again; what is wrong changes nothing.',
    permission: 'config.reload',
    body: WHY,
    response: z.strictObject({
      policyVersion: z.string(),
      /** False: the new policies have errors and the old ones stay; `policy.check` says which. */
      policiesApplied: z.boolean(),
      servers: z.array(z.string()),
    }),
  },
  'login.create': {
    ...write,
    path: '/v1/login-codes',
    summary: 'A one-time code for the status page and for consent pages.',
    permission: 'login.create',
    body: z.strictObject({ user: z.string().min(1).max(320).optional(), reason: REASON }),
    response: z.strictObject({ code: z.string(), url: z.string(), expiresInSeconds: z.number() }),
  },
} as const satisfies Record<string, RouteSpec>;

export type RouteId = keyof typeof ROUTES;
/** Values of the parameters in a path: `'/v1/agents/{agent}'` gives `{ agent: string }`. */
export type PathParams<P extends string> = P extends `${string}{${infer N}}${infer R}`
  ? { readonly [K in N]: string } & PathParams<R>
  : unknown;
type In<R, K extends string> = R extends { readonly [Key in K]: infer S extends z.ZodType }
  ? z.input<S>
  : undefined;

/** What a call of the route is given. */
export type RouteInput<I extends RouteId> = PathParams<(typeof ROUTES)[I]['path']> &
  (In<(typeof ROUTES)[I], 'body'> extends undefined
    ? unknown
    : { readonly body: In<(typeof ROUTES)[I], 'body'> }) &
  (In<(typeof ROUTES)[I], 'query'> extends undefined
    ? unknown
    : { readonly query?: Readonly<Record<string, string | number | undefined>> });
export type RouteOutput<I extends RouteId> = z.output<(typeof ROUTES)[I]['response']>;
