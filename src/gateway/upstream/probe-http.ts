import type { ClientFacts, RawJson, UpstreamInfo } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { encodeRequest } from '../wire/message.ts';
import { rawAsString, rawGet, rawItems } from '../wire/raw-json.ts';
import { LATEST, LEGACY_REVISIONS } from '../wire/revisions.ts';
import { createFaultMeter } from './fault-meter.ts';
import { OWN_CLIENT } from './gateway-identity.ts';
import { modernParams, readDiscover } from './handshake.ts';
import { HttpCall, type HttpOutcome } from './http-call.ts';
import { speaksOfEra, statusFault } from './http-status.ts';
import type { HttpTarget } from './http-target.ts';
import { postHeaders, pushConfigured, pushModernHeaders } from './request-headers.ts';
import { unavailable } from './upstream-errors.ts';

export type Verdict =
  | { readonly era: 'legacy' }
  | { readonly era: 'modern'; readonly info: UpstreamInfo | undefined };

/**
 * Asks an HTTP server for its era with `server/discover`, because some legacy servers act on era-ambiguous calls. 401,
 * 403, 5xx, rate limits and time-outs say nothing about the era and are thrown as `GW_UPSTREAM_*`. A server that wants
 * capabilities even for this (-32021) is asked again with the caller's.
 */
export async function probeHttp(
  target: HttpTarget,
  client: ClientFacts,
  signal: AbortSignal | undefined,
): Promise<Verdict> {
  let outcome = await discover(target, OWN_CLIENT, signal);
  if (outcome.kind === 'answer' && outcome.answer.kind === 'error') {
    const wantsMore = rawGet(outcome.answer.error, 'code') === String(CODES.missingCapability);
    if (wantsMore)
      outcome = await discover(
        target,
        { ...OWN_CLIENT, capabilities: client.capabilities },
        signal,
      );
  }
  const { server } = target;
  if (outcome.kind === 'fault') throw outcome.error;
  if (outcome.kind === 'answer' && outcome.answer.kind === 'result') {
    const info = readDiscover(outcome.answer.result);
    // Some legacy servers answer anything with something.
    if (info.ok) return { era: 'modern', info: info.value };
    if (rawGet(outcome.answer.result, 'supportedVersions') === undefined) return { era: 'legacy' };
    if (namesLegacy(rawGet(outcome.answer.result, 'supportedVersions'))) return { era: 'legacy' };
    throw unavailable(server, info.error);
  }
  const error =
    outcome.kind === 'answer' && outcome.answer.kind === 'error' ? outcome.answer.error : undefined;
  const verdict = readRefusal(error ?? (outcome.kind === 'status' ? outcome.error : undefined));
  if (verdict === 'modern') throw unavailable(server, 'it refused server/discover');
  if (verdict === 'unknown_revision')
    throw unavailable(server, 'it speaks only revisions the gateway does not know');
  if (outcome.kind === 'status' && !speaksOfEra(outcome.status))
    throw statusFault(server, outcome.status);
  return { era: 'legacy' };
}

/** What a JSON-RPC error to `server/discover` says. Only the three modern codes are evidence; others are common noise. */
export function readRefusal(error: RawJson | undefined): 'modern' | 'legacy' | 'unknown_revision' {
  const code = error === undefined ? undefined : Number(rawGet(error, 'code') ?? Number.NaN);
  if (code === CODES.headerMismatch || code === CODES.missingCapability) return 'modern';
  if (error === undefined || code !== CODES.unsupportedVersion) return 'legacy';
  const data = rawGet(error, 'data');
  const supported = data === undefined ? undefined : rawGet(data, 'supported');
  if (supported !== undefined && includes(supported, [LATEST])) return 'modern';
  return namesLegacy(supported) ? 'legacy' : 'unknown_revision';
}

function namesLegacy(versions: RawJson | undefined): boolean {
  return versions !== undefined && includes(versions, LEGACY_REVISIONS);
}

function includes(versions: RawJson, wanted: readonly string[]): boolean {
  return (rawItems(versions) ?? []).some((raw) => wanted.includes(rawAsString(raw) ?? ''));
}

function discover(
  target: HttpTarget,
  client: ClientFacts,
  signal: AbortSignal | undefined,
): Promise<HttpOutcome> {
  const { deps, server } = target;
  return new Promise((resolve) => {
    const headers = postHeaders();
    headers.push('mcp-protocol-version', LATEST);
    pushModernHeaders(headers, 'server/discover', undefined, {});
    pushConfigured(headers, target);
    new HttpCall(target, {
      id: '0',
      body: encodeRequest('0' as RawJson, 'server/discover', modernParams(undefined, client)),
      headers,
      signal,
      timeoutMs: deps.limits.connectMs,
      use: 'calls',
      // A probe of the wrong era may be answered with nonsense; that is no fault of the server.
      meter: createFaultMeter({ server, clock: deps.clock, onFault: () => {}, ...deps.limits }),
      batches: true,
      resume: undefined,
      onMessage: () => {},
      onAbandon: () => {},
      onOutcome: resolve,
    }).start();
  });
}
