import type { Decision } from '../../policy/index.ts';
import type { Era, Reply } from '../model.ts';
import { rawOf } from '../wire/raw-json.ts';

/** JSON-RPC codes of our own; outside -32768..-32000, which the protocol reserves. */
export const CODE_DENIED = 1403;
export const CODE_NEEDS_APPROVAL = 1202;
export const CODE_INVALID_PARAMS = -32602;
export const CODE_METHOD_NOT_FOUND = -32601;
export const CODE_INTERNAL = -32603;

/** `_meta` key under which a refusal is machine-readable. */
export const META_DECISION = 'dev.sallyport/decision';

interface Refused {
  readonly method: string;
  readonly era: Era;
  readonly decision: Decision;
  readonly decisionId: string;
}

/**
 * A refusal the model can act on: for `tools/call` a result with `isError` (the model reads it and can change course),
 * for every other method a JSON-RPC error. Both name the decision, never an argument value.
 */
export function refusalReply({ method, era, decision, decisionId }: Refused): Reply {
  const held = decision.effect === 'hold';
  const reasons = decision.reasons.map((reason) => reason.message).join(' ');
  const text = held
    ? `Needs approval: ${reasons} Nothing was done. (decision ${decisionId})`
    : `Denied by policy: ${reasons} Nothing was done. (decision ${decisionId})`;
  const facts = {
    decisionId,
    effect: decision.effect,
    reasons: decision.reasons.map(({ code, message, policy }) => ({
      code,
      message,
      ...(policy === undefined ? {} : { policy }),
    })),
    ...(decision.approval === undefined ? {} : { approvers: decision.approval.approvers }),
  };
  if (method === 'tools/call') {
    return {
      kind: 'result',
      result: rawOf({
        ...(era === 'modern' ? { resultType: 'complete' } : {}),
        content: [{ type: 'text', text }],
        isError: true,
        _meta: { [META_DECISION]: facts },
      }),
    };
  }
  return {
    kind: 'error',
    status: 200,
    code: held ? CODE_NEEDS_APPROVAL : CODE_DENIED,
    message: text,
    data: rawOf({ code: held ? 'APPROVAL_REQUIRED' : 'DENIED', ...facts }),
  };
}

/**
 * What a client gets for a name that doesn't exist, or that it may not see: the two must not differ.
 * Missing resources have their own legacy code (-32002); modern clients get -32602 with `data.uri`.
 */
export function unknownReply(method: string, era: Era, exposedName: string): Reply {
  if (method.startsWith('resources/')) {
    return {
      kind: 'error',
      status: 200,
      code: era === 'modern' ? CODE_INVALID_PARAMS : -32002,
      message: 'Resource not found',
      data: rawOf({ uri: exposedName }),
    };
  }
  if (method !== 'prompts/get' && method !== 'tools/call' && method !== 'completion/complete') {
    return {
      kind: 'error',
      status: 404,
      code: CODE_METHOD_NOT_FOUND,
      message: `Method not found: ${method.slice(0, 128)}`,
    };
  }
  const what = method === 'tools/call' ? 'tool' : 'prompt';
  return {
    kind: 'error',
    status: 200,
    code: CODE_INVALID_PARAMS,
    message: `Unknown ${what}: ${exposedName}`,
  };
}

/** A fault of ours or of an upstream: a JSON-RPC error with the stable code, never the cause. */
export function faultReply(
  code: string,
  message: string,
  facts: Readonly<Record<string, string>>,
  status = 200,
): Reply {
  return { kind: 'error', status, code: CODE_INTERNAL, message, data: rawOf({ code, ...facts }) };
}
