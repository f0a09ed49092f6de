import type { Era, RawJson, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { rawOf } from '../wire/raw-json.ts';

/** HTTP status that the modern transport gives an error code (2026-07-28, transports); everything else travels on 200. */
export function statusOf(code: number): number {
  if (code === CODES.methodNotFound) return 404;
  if (code === CODES.parseError || code === CODES.invalidRequest) return 400;
  if (code <= CODES.headerMismatch && code >= CODES.unsupportedVersion) return 400;
  return 200;
}

export function errorReply(code: number, message: string, data?: RawJson): Reply {
  return {
    kind: 'error',
    status: statusOf(code),
    code,
    message,
    ...(data === undefined ? {} : { data }),
  };
}

export const resultReply = (result: RawJson): Reply => ({ kind: 'result', result });

/** `_meta` key of machine-readable facts about a failure that is told as a tool result. */
export const META_FAILURE = 'dev.sallyport/failure';

/** A failed tool call the model can read and act on; `code` repeats as data under `_meta`. */
export function toolError(era: Era, code: string, text: string): Reply {
  return resultReply(
    rawOf({
      ...(era === 'modern' ? { resultType: 'complete' } : {}),
      content: [{ type: 'text', text }],
      isError: true,
      _meta: { [META_FAILURE]: { code } },
    }),
  );
}

/** `tools/call` fails as a tool result, every other method as a JSON-RPC error. */
export function failure(
  method: string,
  era: Era,
  failed: {
    readonly code: string;
    readonly text: string;
    readonly facts?: Readonly<Record<string, unknown>>;
  },
): Reply {
  if (method === 'tools/call') return toolError(era, failed.code, failed.text);
  return errorReply(
    CODES.internalError,
    failed.text,
    rawOf({ code: failed.code, ...failed.facts }),
  );
}

/** One answer for every way a sealed state can be wrong, so that it tells an attacker nothing. */
export const invalidState = (): Reply => errorReply(CODES.invalidParams, 'invalid requestState');

/** The call behind a valid state is gone. It is never run again: the caller has to decide to start a new one. */
export const lostCall = (): Reply =>
  errorReply(
    CODES.invalidParams,
    'the call behind this requestState is no longer open (it expired, was answered, or its gateway process ended); start a new call',
    rawOf({ code: 'GW_PARKED_CALL_LOST' }),
  );

export const unknownTask = (): Reply => errorReply(CODES.invalidParams, 'Unknown task');
