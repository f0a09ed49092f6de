import { classify } from '../wire/classify.ts';
import { CODES } from '../wire/codes.ts';
import { type EnvelopeReading, readEnvelope } from '../wire/envelope.ts';
import {
  encodeError,
  looksLikeBatch,
  type Message,
  parseBatch,
  parseMessage,
} from '../wire/message.ts';
import type { ScanLimits } from '../wire/raw-json.ts';
import { allowsBatch, namesModern } from '../wire/revisions.ts';
import type { EdgeContext } from './context.ts';
import { sendJson } from './http-reply.ts';
import { legacyBatch, legacyInitialize, legacyPost } from './legacy-post.ts';
import { modernPost, type PostInput } from './modern-post.ts';
import type { SessionRecord } from './session-record.ts';

const ABSENT: EnvelopeReading = { kind: 'absent' };

/** A POST body of /mcp after admission: strict scan, era, then the era's own rules. */
export function mcpPost(ctx: EdgeContext, input: PostInput, text: string): void {
  const { res, head, headers } = input;
  const { maxDepth, maxValues, maxBodyBytes } = ctx.limits;
  const scan = { maxDepth, maxValues, maxLength: maxBodyBytes };
  if (looksLikeBatch(text)) {
    batch(ctx, input, text, scan);
    return;
  }
  const parsed = parseMessage(text, scan);
  if (!parsed.ok) {
    const { id, code, problem } = parsed.error;
    sendJson(res, 400, encodeError(id ?? null, code, problem), headers);
    return;
  }
  const message = parsed.value;
  const reading = message.kind === 'response' ? ABSENT : readEnvelope(message.params);
  const method = message.kind === 'response' ? undefined : message.method;
  const record =
    reading.kind === 'absent' && method !== 'initialize' ? session(ctx, input) : undefined;
  const era = classify({
    httpMethod: 'POST',
    method,
    notification: message.kind === 'notification',
    enveloped: reading.kind !== 'absent',
    validSession: record !== undefined,
    mcpMethodHeader: head.mcpMethod,
    versionHeader: head.version,
  });
  const id = message.kind === 'request' ? message.id : null;
  if (era.kind === 'modern') modernPost(ctx, input, message, reading);
  else if (era.kind === 'malformed')
    sendJson(res, 400, encodeError(id, era.code, era.problem), headers);
  else if (record !== undefined) legacyPost(ctx, input, record, message);
  else if (message.kind === 'request' && method === 'initialize') initialize(ctx, input, message);
  else noSession(input, id);
}

function initialize(
  ctx: EdgeContext,
  input: PostInput,
  message: Message & { kind: 'request' },
): void {
  if (namesModern(input.head.version)) {
    const problem = 'initialize has no place in the revision the MCP-Protocol-Version header names';
    sendJson(input.res, 400, encodeError(message.id, CODES.headerMismatch, problem), input.headers);
  } else legacyInitialize(ctx, input, message);
}

function session(ctx: EdgeContext, input: PostInput): SessionRecord | undefined {
  const { head, principal, state, endpoint } = input;
  return head.sessionId === undefined
    ? undefined
    : ctx.sessions.find(head.sessionId, principal, state, endpoint);
}

function noSession(input: PostInput, id: Parameters<typeof encodeError>[0]): void {
  const presented = input.head.sessionId !== undefined;
  const problem = presented
    ? 'the session is unknown; initialize again'
    : 'the Mcp-Session-Id header is missing';
  sendJson(
    input.res,
    presented ? 404 : 400,
    encodeError(id, CODES.invalidRequest, problem),
    input.headers,
  );
}

function batch(ctx: EdgeContext, input: PostInput, text: string, scan: ScanLimits): void {
  const { res, headers } = input;
  const record = session(ctx, input);
  if (record === undefined && input.head.sessionId !== undefined) {
    noSession(input, null);
    return;
  }
  if (record === undefined || !allowsBatch(record.client.revision)) {
    sendJson(
      res,
      400,
      encodeError(null, CODES.invalidRequest, 'batches exist in sessions of 2025-03-26 alone'),
      headers,
    );
    return;
  }
  const parsed = parseBatch(text, { ...scan, maxCount: ctx.limits.maxBatch });
  if (!parsed.ok) {
    sendJson(res, 400, encodeError(null, parsed.error.code, parsed.error.problem), headers);
    return;
  }
  legacyBatch(ctx, input, record, parsed.value);
}
