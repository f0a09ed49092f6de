import type { AuditRecord, AuditWriter } from '../../audit/index.ts';
import type { Agent, Authenticator, Principal } from '../../identity/index.ts';
import {
  AppError,
  type Clock,
  canonicalJson,
  type IdSource,
  sha256Hex,
  timingSafeEqualText,
} from '../../kernel/index.ts';
import type { Decision, PolicyDecisionPoint } from '../../policy/index.ts';
import { type MappedEvaluation, type Mapping, mapEvaluation } from './map-evaluation.ts';
import { invalid, readJson } from './read-json.ts';
import { BATCH, EVALUATION, type Evaluation } from './shapes.ts';

export interface AuthzenDeps {
  /** URL of this decision point, without a slash at the end; the metadata names it. */
  readonly url: string;
  readonly policy: Pick<PolicyDecisionPoint, 'decide' | 'version'>;
  readonly audit: AuditWriter;
  readonly adminToken: string;
  readonly authenticator: Pick<Authenticator, 'authenticate' | 'revoked'>;
  /** The endpoint that agents' access tokens are for. */
  readonly tokenResource: string;
  /** By name or id. */
  readonly agent: (name: string) => Agent | undefined;
  readonly clock: Clock;
  readonly ids: IdSource;
}

export const AUTHZEN_PATHS = [
  '/.well-known/authzen-configuration',
  '/access/v1/evaluation',
  '/access/v1/evaluations',
] as const;

export const MAX_EVALUATIONS = 100;
const MAX_OPEN = 32;

/** The administrator, who may ask about everybody, or an agent, which may ask about itself. */
type Asker = { readonly agent: undefined } | { readonly agent: Principal };

interface Answer {
  readonly decision: boolean;
  readonly context: Readonly<Record<string, unknown>>;
}

/**
 * Our decision point for other enforcement points: AuthZEN Authorization API 1.0. An answer is exactly what the
 * gateway would decide for the same call, durably recorded before it is given; a call that must wait for an approval
 * is `false`. A deny is HTTP 200; other codes are faults of the request.
 *
 * Refuses with `API_UNAUTHENTICATED`, `API_FORBIDDEN`, `API_INVALID`, `API_BODY_TOO_LARGE`, `API_BUSY`,
 * `API_METHOD_NOT_ALLOWED`, and with the audit log's codes when the decision cannot be recorded.
 */
export function createAuthzen(deps: AuthzenDeps): (request: Request) => Promise<Response> {
  const adminHash = sha256Hex(deps.adminToken);
  let open = 0;

  const askerOf = async (request: Request): Promise<Asker> => {
    const authorization = request.headers.get('authorization') ?? '';
    const token = /^Bearer ([A-Za-z0-9._~+/=-]{1,8192})$/i.exec(authorization)?.[1];
    if (token === undefined) throw new AppError('API_UNAUTHENTICATED');
    if (timingSafeEqualText(sha256Hex(token), adminHash)) return { agent: undefined };
    const found = await deps.authenticator.authenticate({
      authorization,
      method: 'POST',
      resource: deps.tokenResource,
    });
    if ('refused' in found || deps.authenticator.revoked(found) !== undefined)
      throw new AppError('API_UNAUTHENTICATED');
    return { agent: found };
  };

  const record = async (mapping: Mapping, decision: Decision, id: string): Promise<void> => {
    const facts = mapping.ok ? mapping.request.agent : mapping.agent;
    const request = mapping.ok ? mapping.request : undefined;
    const entry: AuditRecord = {
      type: 'decision',
      time: deps.clock.now(),
      actor: {
        agent: facts?.name ?? '',
        agentId: facts?.id ?? '',
        owner: facts?.owner ?? '',
        ...(request?.user === undefined ? {} : { user: request.user }),
        channel: 'api',
      },
      decision: id,
      ...(request === undefined
        ? {}
        : { server: request.server, method: request.method, target: request.target }),
      effect: decision.effect,
      detail: {
        via: 'authzen',
        reasons: decision.reasons.map(({ code }) => code),
        policies: decision.policies,
        policyVersion: decision.policyVersion,
        transport: 'http',
        era: 'modern',
        ...(request === undefined
          ? {}
          : { arguments: sha256Hex(canonicalJson(request.arguments ?? {})) }),
        ...(decision.errors.length === 0 ? {} : { policyErrors: decision.errors }),
        ...(decision.observed === undefined ? {} : { observed: decision.observed }),
      },
    };
    await deps.audit.append(entry);
  };

  const evaluate = async (evaluation: Evaluation, asker: Asker): Promise<Answer> => {
    const now = deps.clock.now();
    const mapping = restricted(mapEvaluation(evaluation, { agent: deps.agent, now }), asker);
    const decision = mapping.ok
      ? deps.policy.decide({
          ...mapping.request,
          session: { now, transport: 'http', era: 'modern' },
        })
      : unmapped(mapping, deps.policy.version());
    const id = deps.ids.next('decision');
    await record(mapping, decision, id);
    return {
      decision: decision.effect === 'allow',
      context: {
        id,
        effect: decision.effect,
        policy_version: decision.policyVersion,
        reasons: decision.reasons,
        ...(decision.obligations.length === 0 ? {} : { obligations: decision.obligations }),
        ...(decision.approval === undefined
          ? {}
          : {
              approval: {
                approvers: decision.approval.approvers,
                ttl_seconds: decision.approval.ttlMs / 1000,
              },
            }),
      },
    };
  };

  const evaluations = async (body: unknown, asker: Asker): Promise<unknown> => {
    const parsed = BATCH.safeParse(body);
    if (!parsed.success) throw invalid(issueOf(parsed.error));
    const { evaluations: items = [], options, ...defaults } = parsed.data;
    if (items.length === 0) return evaluate(single(defaults), asker);
    if (items.length > MAX_EVALUATIONS)
      throw invalid(`at most ${MAX_EVALUATIONS} evaluations at once`);
    const semantic = options?.evaluations_semantic ?? 'execute_all';
    const answers: Answer[] = [];
    for (const item of items) {
      const one = EVALUATION.safeParse({ ...defaults, ...item });
      const answer: Answer = one.success
        ? await evaluate(one.data, asker)
        : { decision: false, context: { error: { status: 400, message: issueOf(one.error) } } };
      answers.push(answer);
      if (semantic === 'deny_on_first_deny' && !answer.decision) break;
      if (semantic === 'permit_on_first_permit' && answer.decision) break;
    }
    return { evaluations: answers };
  };

  return async (request) => {
    const { pathname } = new URL(request.url);
    const id = request.headers.get('x-request-id');
    const headers =
      id !== null && /^[\x21-\x7e]{1,128}$/.test(id) ? { 'x-request-id': id } : undefined;
    const json = (value: unknown): Response =>
      Response.json(value, headers === undefined ? {} : { headers });
    if (pathname === AUTHZEN_PATHS[0]) {
      if (request.method !== 'GET') throw wrongMethod(request);
      return json(metadata(deps.url));
    }
    if (request.method !== 'POST') throw wrongMethod(request);
    const asker = await askerOf(request);
    if (open >= MAX_OPEN) throw new AppError('API_BUSY', { params: { what: 'evaluations' } });
    open++;
    try {
      const body = await readJson(request);
      if (pathname === AUTHZEN_PATHS[2]) return json(await evaluations(body, asker));
      return json(await evaluate(single(body), asker));
    } finally {
      open--;
    }
  };
}

function single(body: unknown): Evaluation {
  const parsed = EVALUATION.safeParse(body);
  if (!parsed.success) throw invalid(issueOf(parsed.error));
  return parsed.data;
}

function issueOf(error: {
  readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[];
}): string {
  const [first] = error.issues;
  return `${first?.path.map(String).join('.') || 'the body'}: ${first?.message ?? 'not understood'}`;
}

/** An agent's token speaks for that agent, and for the user it was issued for, and for nobody else. */
function restricted(mapping: Mapping, { agent: principal }: Asker): Mapping {
  if (principal === undefined) return mapping;
  const facts = mapping.ok ? mapping.request.agent : mapping.agent;
  const user = mapping.ok ? mapping.request.user : undefined;
  const other = facts?.id !== principal.agent.id || (user !== undefined && user !== principal.user);
  if (other)
    throw new AppError('API_FORBIDDEN', {
      params: { problem: 'an agent asks about itself only' },
    });
  if (!mapping.ok || principal.user === undefined) return mapping;
  const request: MappedEvaluation = { ...mapping.request, user: principal.user };
  return { ok: true, request };
}

function unmapped(mapping: Extract<Mapping, { ok: false }>, policyVersion: string): Decision {
  const { code, message } = mapping;
  return {
    effect: 'deny',
    reasons: [{ code, message }],
    policies: [],
    errors: [],
    obligations: [],
    policyVersion,
  };
}

function wrongMethod(request: Request): AppError {
  return new AppError('API_METHOD_NOT_ALLOWED', { params: { method: request.method } });
}

/** Section 9 of the Authorization API. */
function metadata(url: string): Readonly<Record<string, unknown>> {
  return {
    policy_decision_point: url,
    access_evaluation_endpoint: `${url}/access/v1/evaluation`,
    access_evaluations_endpoint: `${url}/access/v1/evaluations`,
  };
}
