import { Hono } from 'hono';
import type { z } from 'zod';
import { AppError, KIB } from '../../kernel/index.ts';
import { AUTHZEN_PATHS } from '../authzen/create-authzen.ts';
import { ROUTES, type RouteId, type RouteSpec } from '../contract/index.ts';
import { type Answers, type Asked, createAnswers } from './answers.ts';
import { actorOf, checkReach, createTokenCheck } from './caller.ts';
import type { AdminApiDeps } from './deps.ts';
import { addPages } from './pages.ts';
import { problemResponse } from './problem-response.ts';
import type { TailQuery, Tails } from './tail.ts';
import { addUpstreamCallback } from './upstream-callback.ts';

export const MAX_BODY_BYTES = 256 * KIB;

/** The admin API and the status page as a router; testable without a port. */
export function createRouter(deps: AdminApiDeps, tails: Tails): Hono {
  const router = new Hono();
  const answers = createAnswers(deps);
  const checkToken = createTokenCheck(deps.adminToken);

  router.onError((error) => problemResponse(error, deps.logger));
  router.notFound(() =>
    problemResponse(new AppError('API_NOT_FOUND', { params: { what: 'such path' } }), deps.logger),
  );
  router.use(async (c, next) => {
    checkReach(c.req.header('host'), c.req.header('origin'), deps.adminUrl);
    await next();
    c.header('x-content-type-options', 'nosniff');
    c.header('referrer-policy', 'no-referrer');
    c.header('cache-control', 'no-store');
  });
  router.get('/livez', (c) => c.text('ok'));
  router.use('/v1/*', async (c, next) => {
    checkToken(c.req.header('authorization'));
    await next();
  });

  for (const [id, spec] of Object.entries(ROUTES) as [RouteId, RouteSpec][]) {
    const path = spec.path.replace(/\{(\w+)\}/g, ':$1');
    router.on(spec.method, path, async (c) => {
      const query = parse(spec.query, c.req.query(), 'the query');
      if (id === 'audit.tail') {
        const last = c.req.header('last-event-id');
        return tails.open(query as TailQuery, last === undefined ? undefined : seqOf(last));
      }
      const body = spec.body === undefined ? undefined : await readBody(c.req.raw, spec.maxBody);
      const parsed = parse(spec.body, body, 'the body');
      const { reason = '' } = (parsed ?? {}) as { reason?: string };
      const asked = {
        params: c.req.param(),
        body: parsed,
        query,
        by: actorOf(c.req.header('sallyport-channel'), reason),
      };
      const answer = answers[id as keyof Answers] as (asked: Asked<RouteId>) => unknown;
      return c.json((await answer(asked as unknown as Asked<RouteId>)) as object);
    });
  }
  const { authzen } = deps;
  if (authzen !== undefined)
    for (const path of AUTHZEN_PATHS) router.all(path, (c) => authzen(c.req.raw));
  addPages(router, deps);
  addUpstreamCallback(router, deps);
  return router;
}

function parse(schema: z.ZodType | undefined, value: unknown, what: string): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const at = issue?.path.map(String).join('.') ?? '';
  const problem = `${at === '' ? what : at}: ${issue?.message ?? 'not understood'}`;
  throw new AppError('API_INVALID', { params: { problem } });
}

function seqOf(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new AppError('API_INVALID', { params: { problem: 'Last-Event-ID is no number' } });
  return Number(text);
}

async function readBody(request: Request, limit = MAX_BODY_BYTES): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\b/i.test(type))
    throw new AppError('API_INVALID', { params: { problem: 'send application/json' } });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > limit) throw new AppError('API_BODY_TOO_LARGE', { params: { limit } });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw new AppError('API_INVALID', { params: { problem: 'the body is not JSON' } });
  }
}
