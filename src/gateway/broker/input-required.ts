import type { RawJson } from '../model.ts';
import { rawAsString, rawGet, rawKind, rawMembers } from '../wire/raw-json.ts';
import { protocolFault } from './fault-reply.ts';

/** A question of a server, as it stands in `inputRequests`. */
export interface InputRequest {
  readonly key: string;
  readonly method: string;
  readonly params: RawJson | undefined;
}

export interface InputRequired {
  readonly asks: readonly InputRequest[];
  /** The JSON string exactly as the upstream wrote it. */
  readonly state: RawJson | undefined;
}

/**
 * `resultType` of a modern result when it is one that needs work (`input_required`, `task`), else undefined. Both words
 * are searched natively first, since the member may stand behind a large body; an escaped spelling needs a backslash-u.
 */
export function specialResultType(result: RawJson): 'input_required' | 'task' | undefined {
  if (result.startsWith('{"resultType":"complete"')) return undefined;
  if (!result.includes('input_required') && !result.includes('"task"') && !result.includes('\\u'))
    return undefined;
  const raw = rawGet(result, 'resultType');
  const type = raw === undefined ? undefined : rawAsString(raw);
  return type === 'input_required' || type === 'task' ? type : undefined;
}

/** Reads an `InputRequiredResult` (2026-07-28). Throws `GW_UPSTREAM_PROTOCOL` when it breaks its own shape or a bound. */
export function readInputRequired(
  server: string,
  result: RawJson,
  limits: { readonly maxAsks: number; readonly maxUpstreamState: number },
): InputRequired {
  const state = rawGet(result, 'requestState');
  if (state !== undefined && rawKind(state) !== 'string') {
    throw protocolFault(server, 'requestState is not a string');
  }
  if (state !== undefined && Buffer.byteLength(state, 'utf8') > limits.maxUpstreamState) {
    throw protocolFault(server, `requestState is longer than ${limits.maxUpstreamState} bytes`);
  }
  const requests = rawGet(result, 'inputRequests');
  if (requests === undefined && state === undefined) {
    throw protocolFault(server, 'input_required without inputRequests and requestState');
  }
  return { asks: readInputRequests(server, requests, limits.maxAsks), state };
}

/** The entries of an `inputRequests` map, in order. */
export function readInputRequests(
  server: string,
  requests: RawJson | undefined,
  maxAsks: number,
): InputRequest[] {
  if (requests === undefined) return [];
  const members = rawMembers(requests);
  if (members === undefined) throw protocolFault(server, 'inputRequests is not an object');
  if (members.size > maxAsks)
    throw protocolFault(server, `more than ${maxAsks} questions in one round`);
  const asks: InputRequest[] = [];
  for (const [key, value] of members) {
    const rawMethod = rawGet(value, 'method');
    const method = rawMethod === undefined ? undefined : rawAsString(rawMethod);
    const params = rawGet(value, 'params');
    if (method === undefined || (params !== undefined && rawKind(params) !== 'object')) {
      throw protocolFault(server, 'an input request is malformed');
    }
    asks.push({ key, method, params });
  }
  return asks;
}
