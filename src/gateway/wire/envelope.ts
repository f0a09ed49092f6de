import type { LogLevel, RawJson } from '../model.ts';
import {
  rawAsString,
  rawDelete,
  rawGet,
  rawKind,
  rawMembers,
  rawObject,
  rawSet,
  rawString,
} from './raw-json.ts';
import { walkMembers } from './raw-walk.ts';

/** Names of the `_meta` keys MCP reserves (2026-07-28, and 2025-11-25 for `relatedTask`). */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  relatedTask: 'io.modelcontextprotocol/related-task',
  progressToken: 'progressToken',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  baggage: 'baggage',
} as const;

export const LOG_LEVELS: readonly LogLevel[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

export function isLogLevel(text: string | undefined): text is LogLevel {
  return text !== undefined && (LOG_LEVELS as readonly string[]).includes(text);
}

/** What a modern request says in every message. */
export interface Envelope {
  readonly protocolVersion: string;
  readonly capabilities: RawJson;
  readonly info: RawJson | undefined;
  readonly logLevel: LogLevel | undefined;
}

export type EnvelopeReading =
  /** No protocol-version key: not a modern message. */
  | { readonly kind: 'absent' }
  /** `version` when at least that could be read. */
  | { readonly kind: 'malformed'; readonly problem: string; readonly version: string | undefined }
  | { readonly kind: 'envelope'; readonly envelope: Envelope };

const MAX_VERSION_LENGTH = 64;
const ENVELOPE_KEYS: readonly string[] = [
  META.protocolVersion,
  META.clientCapabilities,
  META.clientInfo,
  META.logLevel,
];

/** Reads the envelope of a request's `params`. Capabilities are required beside the version. */
export function readEnvelope(params: RawJson | undefined): EnvelopeReading {
  const meta = params === undefined ? undefined : rawGet(params, '_meta');
  const members = meta === undefined ? undefined : rawMembers(meta);
  const rawVersion = members?.get(META.protocolVersion);
  if (members === undefined || rawVersion === undefined) return { kind: 'absent' };
  const version = rawAsString(rawVersion);
  if (version === undefined || version === '' || version.length > MAX_VERSION_LENGTH) {
    return {
      kind: 'malformed',
      problem: `${META.protocolVersion} must be a short string`,
      version: undefined,
    };
  }
  const bad = (problem: string): EnvelopeReading => ({ kind: 'malformed', problem, version });
  const capabilities = members.get(META.clientCapabilities);
  if (capabilities === undefined) return bad(`${META.clientCapabilities} is missing`);
  if (rawKind(capabilities) !== 'object')
    return bad(`${META.clientCapabilities} must be an object`);
  const info = members.get(META.clientInfo);
  if (info !== undefined && rawKind(info) !== 'object')
    return bad(`${META.clientInfo} must be an object`);
  const rawLevel = members.get(META.logLevel);
  const logLevel = rawLevel === undefined ? undefined : rawAsString(rawLevel);
  if (rawLevel !== undefined && !isLogLevel(logLevel))
    return bad(`${META.logLevel} is not a log level`);
  return {
    kind: 'envelope',
    envelope: {
      protocolVersion: version,
      capabilities,
      info,
      logLevel: isLogLevel(logLevel) ? logLevel : undefined,
    },
  };
}

/** Removes the envelope keys; a `_meta` that held nothing else goes too. Every other byte stays. */
export function stripEnvelope(params: RawJson): RawJson;
export function stripEnvelope(params: RawJson | undefined): RawJson | undefined;
export function stripEnvelope(params: RawJson | undefined): RawJson | undefined {
  const meta = params === undefined ? undefined : rawGet(params, '_meta');
  if (params === undefined || meta === undefined) return params;
  const present: string[] = [];
  let others = 0;
  walkMembers(meta, ({ key }) => {
    if (ENVELOPE_KEYS.includes(key)) present.push(key);
    else others++;
    return false;
  });
  if (present.length === 0) return params;
  if (others === 0) return rawDelete(params, '_meta');
  return rawSet(params, '_meta', present.reduce(rawDelete, meta));
}

/** Sets the envelope keys in `params._meta`, replacing any that are there. */
export function addEnvelope(params: RawJson | undefined, envelope: Envelope): RawJson {
  const entries: Array<readonly [string, RawJson]> = [
    [META.protocolVersion, rawString(envelope.protocolVersion)],
    [META.clientCapabilities, envelope.capabilities],
  ];
  if (envelope.info !== undefined) entries.push([META.clientInfo, envelope.info]);
  if (envelope.logLevel !== undefined) entries.push([META.logLevel, rawString(envelope.logLevel)]);
  const old = params === undefined ? undefined : rawGet(params, '_meta');
  let meta: RawJson;
  if (old === undefined || rawKind(old) !== 'object') meta = rawObject(entries);
  else {
    meta = ENVELOPE_KEYS.reduce(rawDelete, old);
    for (const [key, value] of entries) meta = rawSet(meta, key, value);
  }
  return params === undefined ? rawObject([['_meta', meta]]) : rawSet(params, '_meta', meta);
}

/** One string of `params._meta` (traceparent, tracestate, baggage); undefined when absent or not a string. */
export function metaString(params: RawJson | undefined, key: string): string | undefined {
  const meta = params === undefined ? undefined : rawGet(params, '_meta');
  const value = meta === undefined ? undefined : rawGet(meta, key);
  return value === undefined ? undefined : rawAsString(value);
}

/** One member of `params._meta`, whatever its type. */
export function metaGet(params: RawJson | undefined, key: string): RawJson | undefined {
  const meta = params === undefined ? undefined : rawGet(params, '_meta');
  return meta === undefined ? undefined : rawGet(meta, key);
}
