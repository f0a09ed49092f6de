import type { ServerResponse } from 'node:http';
import type { AuthenticationRefusal, Principal } from '../../identity/index.ts';
import type { Endpoint } from '../model.ts';
import type { EdgeContext } from './context.ts';
import type { Head } from './head.ts';
import { type HeaderList, RETRY, sendJson } from './http-reply.ts';
import { faultReply } from './run-request.ts';

/**
 * Runs ADMISSION and calls `next` with the principal, synchronously when the core answers so (a cached token). Refusals
 * are answered here: 401, or 400 and 403 as RFC 6750 section 3.1 asks, all with a challenge.
 */
export function admit(
  ctx: EdgeContext,
  request: {
    readonly method: string;
    readonly path: string;
    readonly head: Head;
    readonly endpoint: Endpoint;
  },
  res: ServerResponse,
  headers: HeaderList,
  next: (principal: Principal) => void,
): void {
  const { head, endpoint } = request;
  const take = (verdict: Principal | AuthenticationRefusal): void => {
    if ('refused' in verdict) refuse(ctx, res, headers, verdict, endpoint);
    else next(verdict);
  };
  const fail = (fault: unknown): void => {
    faultReply(ctx, fault);
    sendJson(res, 503, '{"error":"temporarily_unavailable"}', [...headers, ...RETRY]);
  };
  let verdict: ReturnType<typeof ctx.deps.core.admit>;
  try {
    verdict = ctx.deps.core.admit({
      authorization: head.authorization,
      ...(head.dpop === undefined ? {} : { dpop: head.dpop }),
      method: request.method,
      resource: ctx.deps.publicUrl + request.path,
    });
  } catch (fault) {
    fail(fault);
    return;
  }
  if (verdict instanceof Promise) verdict.then(take).catch(fail);
  else take(verdict);
}

function refuse(
  ctx: EdgeContext,
  res: ServerResponse,
  headers: HeaderList,
  refusal: AuthenticationRefusal,
  endpoint: Endpoint,
): void {
  const { error } = refusal;
  const status = error === 'insufficient_scope' ? 403 : error === 'invalid_request' ? 400 : 401;
  const challenge = ctx.deps.challenge(refusal, endpoint);
  const body = `{"error":"${error ?? 'unauthorized'}"}`;
  // A stranger's body is not read: the connection ends with the answer.
  sendJson(res, status, body, [
    ...headers,
    'www-authenticate',
    challenge,
    ...closeUnlessSmall(res),
  ]);
}

function closeUnlessSmall(res: ServerResponse): HeaderList {
  const length = Number(
    res.req.headers['content-length'] ?? (res.req.method === 'POST' ? Number.NaN : 0),
  );
  return length <= 65_536 ? [] : ['connection', 'close'];
}
