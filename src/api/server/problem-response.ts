import { isAppError, type Logger } from '../../kernel/index.ts';

const TYPE = 'urn:sallyport:error:';

/** A fault as problem details (RFC 9457). What is not one of ours is logged and told as `INTERNAL` only. */
export function problemResponse(error: unknown, logger: Logger): Response {
  const known = isAppError(error) ? error : undefined;
  if (known === undefined) logger.error({ err: error }, 'an admin request failed');
  const status = known?.status ?? 500;
  const code = known?.code ?? 'INTERNAL';
  const body = {
    type: `${TYPE}${code}`,
    title: code,
    status,
    detail: known?.message ?? 'internal fault; the log of the gateway says more',
    code,
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
  });
}
