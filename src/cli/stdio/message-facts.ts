export type JsonId = string | number | null;

/** What the shim must know of a client's message to send it. */
export interface MessageFacts {
  /** Ids of the requests in it; more than one for a 2025-03-26 batch. */
  readonly ids: readonly JsonId[];
  readonly kind: 'request' | 'notification' | 'response' | 'batch' | 'unknown';
  readonly method: string | undefined;
  /** Protocol version of the envelope: the message is one of the modern era. */
  readonly version: string | undefined;
  /** Value of `Mcp-Name`. */
  readonly name: string | undefined;
  /** The request that a `notifications/cancelled` is about. */
  readonly cancels: JsonId | undefined;
  /** Arguments of a tool call, for its parameter headers. */
  readonly arguments: unknown;
}

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;
const idOf = (value: unknown): JsonId | undefined =>
  typeof value === 'string' || typeof value === 'number' || value === null ? value : undefined;

const NOTHING = {
  method: undefined,
  version: undefined,
  name: undefined,
  cancels: undefined,
  arguments: undefined,
};

/** Undefined when the line is no JSON. The gateway checks everything else; here only what routing needs is read. */
export function readMessageFacts(line: string): MessageFacts | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (Array.isArray(value)) {
    const ids = value.flatMap((one) => {
      const { id, method } = fieldsOf(one);
      const known = method === undefined ? undefined : idOf(id);
      return known === undefined ? [] : [known];
    });
    return { ...NOTHING, ids, kind: 'batch' };
  }
  const message = fieldsOf(value);
  const method = textOf(message['method']);
  const id = 'id' in message ? idOf(message['id']) : undefined;
  if (method === undefined)
    return { ...NOTHING, ids: [], kind: id === undefined ? 'unknown' : 'response' };
  const params = fieldsOf(message['params']);
  const key = NAMED[method];
  return {
    ids: id === undefined ? [] : [id],
    kind: 'id' in message ? 'request' : 'notification',
    method,
    version: textOf(fieldsOf(params['_meta'])[VERSION_KEY]),
    name: key === undefined ? undefined : textOf(params[key]),
    cancels: method === 'notifications/cancelled' ? idOf(params['requestId']) : undefined,
    arguments: method === 'tools/call' ? params['arguments'] : undefined,
  };
}
