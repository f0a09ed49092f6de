import { sha256Hex } from '../../kernel/index.ts';
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
  | { readonly type: 'upstream'; readonly state: RawJson }
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

/**
 * An opaque `requestState` for the client (2026-07-28, multi round-trip requests). The binding goes in as one digest and
 * the upstream's state as base64, so that a state within `maxUpstreamState` always fits into a token.
 */
export function sealState(
  context: BrokerContext,
  binding: StateBinding,
  content: StateContent,
  round: number,
): RawJson {
  const { sealer, random, clock, limits } = context;
  const packed =
    content.type === 'upstream'
      ? { type: content.type, state: Buffer.from(content.state, 'utf8').toString('base64url') }
      : content;
  const token = sealer.seal(
    KIND,
    {
      b: digestOf(binding),
      c: packed,
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
  // The seal vouches for the shape: only `sealState` makes tokens of this kind.
  const sealed = payload as unknown as {
    b: string;
    c: StateContent;
    r: number;
    n: string;
    t: number;
  };
  if (sealed.b !== digestOf(binding)) return undefined;
  const content: StateContent =
    sealed.c.type === 'upstream'
      ? {
          type: 'upstream',
          state: Buffer.from(sealed.c.state, 'base64url').toString('utf8') as RawJson,
        }
      : sealed.c;
  return { content, round: sealed.r, nonce: sealed.n, issuedAt: sealed.t };
}

function digestOf({ owner, server, method, name, argumentsDigest }: StateBinding): string {
  return sha256Hex(JSON.stringify([owner, server, method, name, argumentsDigest]));
}
