import type { RawJson, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { rawAsString, rawGet, rawOf, rawSet, rawString } from '../wire/raw-json.ts';
import { errorReply, toolError } from './replies.ts';

/** A JSON-RPC error object taken apart; `data` stays the bytes it was. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data: RawJson | undefined;
}

export function readError(raw: RawJson): WireError {
  const code = Number(rawGet(raw, 'code') ?? Number.NaN);
  const message = rawGet(raw, 'message');
  return {
    code: Number.isInteger(code) ? code : CODES.internalError,
    message: (message === undefined ? undefined : rawAsString(message)) ?? 'error',
    data: rawGet(raw, 'data'),
  };
}

/** Same era on both sides: code, message and data as they came. */
export function sameError(raw: RawJson): Reply {
  const { code, message, data } = readError(raw);
  return errorReply(code, message, data);
}

const uriOf = (data: RawJson | undefined): RawJson | undefined =>
  data === undefined ? undefined : rawGet(data, 'uri');

/**
 * An error of a modern upstream for a legacy client (table 4.1): a missing resource gets its legacy code back; header,
 * capability and version errors are between us and the upstream, so the client sees an internal error, or for a tool
 * that insists on a capability a tool result.
 */
export function errorForLegacy(method: string, raw: RawJson): Reply {
  const { code, message, data } = readError(raw);
  if (
    code === CODES.invalidParams &&
    method.startsWith('resources/') &&
    uriOf(data) !== undefined
  ) {
    return errorReply(CODES.resourceNotFound, message, data);
  }
  if (code === CODES.missingCapability && method === 'tools/call') {
    return toolError(
      'legacy',
      'GW_CANNOT_ASK',
      `The server needs something of this client that it cannot do: ${message}`,
    );
  }
  if (code <= CODES.headerMismatch && code >= CODES.unsupportedVersion) {
    return errorReply(
      CODES.internalError,
      'the gateway and the server did not agree on a protocol detail',
      rawOf({ code: 'GW_UPSTREAM_PROTOCOL' }),
    );
  }
  return errorReply(code, message, data);
}

/**
 * An error for a modern client (table 4.2): a missing resource is -32602 with `data.uri`; codes -32000..-32019 have no
 * shared meaning and -32042 is gone, so they become -32603 with the same words.
 */
export function errorForModern(method: string, raw: RawJson, params: RawJson | undefined): Reply {
  const { code, message, data } = readError(raw);
  if (code === CODES.resourceNotFound) {
    if (!method.startsWith('resources/')) return errorReply(CODES.invalidParams, message, data);
    const uri =
      uriOf(data) ?? (params === undefined ? undefined : rawGet(params, 'uri')) ?? rawString('');
    const facts =
      data !== undefined && rawGet(data, 'uri') === uri ? data : rawSet(asObject(data), 'uri', uri);
    return errorReply(CODES.invalidParams, message, facts);
  }
  if ((code <= -32000 && code >= -32019) || code === CODES.urlElicitationRequired) {
    return errorReply(CODES.internalError, message, data);
  }
  return errorReply(code, message, data);
}

const asObject = (data: RawJson | undefined): RawJson =>
  data?.startsWith('{') ? data : ('{}' as RawJson);
