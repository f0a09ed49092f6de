import type { RawJson } from '../model.ts';
import { rawAsString, rawDelete, rawGet, rawKind, rawSet } from '../wire/raw-json.ts';

/** The retry members of a modern request (2026-07-28, multi round-trip requests). */
export interface RetryParams {
  /** Undefined when absent; null when it is not a string. */
  readonly state: string | null | undefined;
  readonly responses: RawJson | undefined;
}

const NONE: RetryParams = { state: undefined, responses: undefined };

/** Escaped spellings of a member name need a backslash-u, so most params are settled by three native searches. */
function mayHold(params: RawJson): boolean {
  return (
    params.includes('requestState') || params.includes('inputResponses') || params.includes('\\u')
  );
}

export function readRetry(params: RawJson | undefined): RetryParams {
  if (params === undefined || !mayHold(params)) return NONE;
  const state = rawGet(params, 'requestState');
  const responses = rawGet(params, 'inputResponses');
  return {
    state: state === undefined ? undefined : (rawAsString(state) ?? null),
    responses: responses !== undefined && rawKind(responses) === 'object' ? responses : undefined,
  };
}

/** Params of a first attempt: without the retry members, every other byte as it was. */
export function stripRetry(params: RawJson): RawJson;
export function stripRetry(params: RawJson | undefined): RawJson | undefined;
export function stripRetry(params: RawJson | undefined): RawJson | undefined {
  if (params === undefined || !mayHold(params)) return params;
  return rawDelete(rawDelete(params, 'requestState'), 'inputResponses');
}

/** Params of the next attempt: this round's answers only, and the state as the upstream wrote it. */
export function withRetry(
  params: RawJson | undefined,
  responses: RawJson | undefined,
  state: RawJson | undefined,
): RawJson {
  let next = params ?? ('{}' as RawJson);
  if (responses !== undefined) next = rawSet(next, 'inputResponses', responses);
  if (state !== undefined) next = rawSet(next, 'requestState', state);
  return next;
}

/** Methods that may answer `input_required`, and whose retry may carry state. */
export function takesInput(method: string): boolean {
  return method === 'tools/call' || method === 'prompts/get' || method === 'resources/read';
}
