/** The headers the edge reads, from one pass over the raw list: `req.headers` would hide repetitions. */
export interface Head {
  host: string | undefined;
  origin: string | undefined;
  authorization: string | undefined;
  dpop: string | undefined;
  accept: string | undefined;
  contentType: string | undefined;
  contentLength: string | undefined;
  contentEncoding: string | undefined;
  chunked: boolean;
  sessionId: string | undefined;
  version: string | undefined;
  mcpMethod: string | undefined;
  mcpName: string | undefined;
  lastEventId: string | undefined;
  traceparent: string | undefined;
  tracestate: string | undefined;
  /** Still encoded, by whole lower-case name; undefined when there are none. */
  params: Record<string, string> | undefined;
  /** A header that must be single and was not, or an `Mcp-*` header that came twice. */
  repeated: string | undefined;
}

type Field = Exclude<keyof Head, 'chunked' | 'params' | 'repeated'>;

const FIELDS: ReadonlyMap<string, Field> = new Map([
  ['host', 'host'],
  ['origin', 'origin'],
  ['authorization', 'authorization'],
  ['dpop', 'dpop'],
  ['accept', 'accept'],
  ['content-type', 'contentType'],
  ['content-length', 'contentLength'],
  ['content-encoding', 'contentEncoding'],
  ['mcp-session-id', 'sessionId'],
  ['mcp-protocol-version', 'version'],
  ['mcp-method', 'mcpMethod'],
  ['mcp-name', 'mcpName'],
  ['last-event-id', 'lastEventId'],
  ['traceparent', 'traceparent'],
  ['tracestate', 'tracestate'],
]);

/** `raw` is `IncomingMessage.rawHeaders`: names and values in turn, values already without edge blanks. */
export function readHead(raw: readonly string[]): Head {
  const head: Head = {
    host: undefined,
    origin: undefined,
    authorization: undefined,
    dpop: undefined,
    accept: undefined,
    contentType: undefined,
    contentLength: undefined,
    contentEncoding: undefined,
    chunked: false,
    sessionId: undefined,
    version: undefined,
    mcpMethod: undefined,
    mcpName: undefined,
    lastEventId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    params: undefined,
    repeated: undefined,
  };
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    const value = raw[i + 1] ?? '';
    const field = FIELDS.get(name);
    if (field !== undefined) {
      if (head[field] === undefined) head[field] = value;
      // Lists may be split over several lines (RFC 9110 section 5.3).
      else if (field === 'accept' || field === 'tracestate') head[field] += `, ${value}`;
      else head.repeated ??= name;
    } else if (name === 'transfer-encoding') head.chunked = true;
    else if (name.startsWith('mcp-')) {
      if (!name.startsWith('mcp-param-')) continue;
      head.params ??= Object.create(null) as Record<string, string>;
      if (head.params[name] === undefined) head.params[name] = value;
      else head.repeated ??= name;
    }
  }
  return head;
}

/** What a POST's `Accept` lets us answer with. Absent means anything (RFC 9110 section 12.5.1). */
export function acceptOf(accept: string | undefined): {
  readonly json: boolean;
  readonly stream: boolean;
} {
  if (accept === undefined || accept === 'application/json, text/event-stream') return BOTH;
  let json = false;
  let stream = false;
  for (const part of accept.toLowerCase().split(',', 32)) {
    const [type, ...params] = part.split(';', 8).map((piece) => piece.trim());
    if (params.some((param) => /^q=0(?:\.0*)?$/.test(param))) continue;
    if (type === '*/*' || type === 'application/*' || type === 'application/json') json = true;
    if (type === '*/*' || type === 'text/*' || type === 'text/event-stream') stream = true;
  }
  return { json, stream };
}

const BOTH = { json: true, stream: true };

/** JSON by media type; a charset, when named, must be UTF-8. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  return (
    contentType !== undefined &&
    /^application\/json\s{0,8}(?:;\s{0,8}charset="?utf-8"?\s{0,8})?$/i.test(contentType)
  );
}
