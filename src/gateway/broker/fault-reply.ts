import { AppError, isAppError, type Logger } from '../../kernel/index.ts';
import type { ForwardTarget, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { rawOf } from '../wire/raw-json.ts';
import { errorReply } from './replies.ts';

/**
 * What a fault of an upstream or of ours answers: -32603 (HTTP 200) with the public code, the server and the call.
 * Texts come from the error table alone; a fault without a code is logged and told as `INTERNAL`.
 */
export function faultReply(fault: unknown, target: ForwardTarget, logger: Logger): Reply {
  const facts = { server: target.server, call: target.call };
  if (isAppError(fault)) {
    const hint = fault.hint === undefined ? {} : { hint: fault.hint };
    return errorReply(
      CODES.internalError,
      fault.message,
      rawOf({ code: fault.code, ...facts, ...hint }),
    );
  }
  logger.error(
    { ...facts, error: fault instanceof Error ? fault.name : typeof fault },
    'a forwarded call failed without a code',
  );
  return errorReply(CODES.internalError, 'internal fault', rawOf({ code: 'INTERNAL', ...facts }));
}

export function protocolFault(server: string, problem: string): AppError {
  return new AppError('GW_UPSTREAM_PROTOCOL', { params: { server, problem } });
}

export const cancelledFault = (): AppError => new AppError('GW_CANCELLED');
