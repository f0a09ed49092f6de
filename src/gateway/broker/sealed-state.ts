import type { ForwardTarget, InboundRequest, RawJson } from '../model.ts';
import { rawAsString, rawGet } from '../wire/raw-json.ts';
import type { BrokerContext } from './context.ts';
import { ownerKey } from './owner-key.ts';

const KIND = 'mrtr';

/** What a state is bound to: the same principal must ask the same thing of the same server again. */
export interface StateBinding {
  readonly owner: string;
  readonly server: string;
  readonly method: string;
  /** Tool or prompt name, or URI, in the server's own words. */
  readonly name: string;
  readonly argumentsDigest: string;
}

export type StateContent =
  /** A modern upstream's own state, as the JSON string it wrote. */
  | { readonly type: 'upstream'; readonly state: RawJson | undefined }
  /** A legacy upstream wants URLs opened first (-32042); the retry is a new attempt. */
  | { readonly type: 'url' }
  /** An open call of this process. */
  | {
      readonly type: 'parked';
      readonly instance: string;
      readonly id: string;
      readonly call: string;
    };

export interface OpenedState {
  readonly content: StateContent;
  readonly round: number;
  readonly nonce: string;
  readonly issuedAt: number;
}

export function bindingOf(request: InboundRequest, target: ForwardTarget): StateBinding {
  const params = target.params;
  const raw =
    params === undefined
      ? undefined
      : rawGet(params, request.method === 'resources/read' ? 'uri' : 'name');
  return {
    owner: ownerKey(request.downstream.principal),
    server: target.server,
    method: request.method,
    name: (raw === undefined ? undefined : rawAsString(raw)) ?? '',
    argumentsDigest: target.argumentsDigest,
  };
}

/** An opaque `requestState` for the client (2026-07-28, multi round-trip requests). */
export function sealState(
  context: BrokerContext,
  binding: StateBinding,
  content: StateContent,
  round: number,
): RawJson {
  const { sealer, random, clock, limits } = context;
  const token = sealer.seal(
    KIND,
    {
      b: [binding.owner, binding.server, binding.method, binding.name, binding.argumentsDigest],
      c: content,
      r: round,
      n: Buffer.from(random.bytes(12)).toString('base64url'),
      t: clock.now(),
    },
    limits.stateTtlMs,
  );
  return `"${token}"` as RawJson;
}

/** Undefined for a state that is forged, altered, expired, or bound to anything else than this very request. */
export function openState(
  context: BrokerContext,
  binding: StateBinding,
  token: string,
): OpenedState | undefined {
  const payload = context.sealer.open(KIND, token);
  if (payload === undefined) return undefined;
  const {
    b: bound,
    c: content,
    r: round,
    n: nonce,
    t: issuedAt,
  } = payload as {
    b: readonly string[];
    c: StateContent;
    r: number;
    n: string;
    t: number;
  };
  const same =
    bound[0] === binding.owner &&
    bound[1] === binding.server &&
    bound[2] === binding.method &&
    bound[3] === binding.name &&
    bound[4] === binding.argumentsDigest;
  return same ? { content, round, nonce, issuedAt } : undefined;
}
