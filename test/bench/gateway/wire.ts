/** What the backends answer and the load asks: a 16-byte echo, in both eras, without an SDK. */
export const ECHO_TEXT = '0123456789abcdef';
export const MODERN = '2026-07-28';
export const LEGACY = '2025-11-25';
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

interface Request {
  id?: string | number;
  method: string;
  params?: {
    protocolVersion?: string;
    arguments?: { text?: string };
    _meta?: Record<string, unknown>;
  };
}

const TOOLS = [
  {
    name: 'echo',
    description: 'Echo',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  },
];

/** The answer to one message as JSON text; undefined for a notification, `known: false` for an unknown method.
 *  A `legacyOnly` backend has never heard of the modern era. */
export function answer(
  text: string,
  legacyOnly = false,
): { json: string; known: boolean } | undefined {
  const message = JSON.parse(text) as Request;
  if (message.id === undefined) return undefined;
  const modern = !legacyOnly && message.params?._meta?.[VERSION_KEY] === MODERN;
  const result = resultOf(message, modern);
  if (result === undefined) {
    const error = { code: -32601, message: 'Method not found' };
    return { json: JSON.stringify({ jsonrpc: '2.0', id: message.id, error }), known: false };
  }
  return { json: JSON.stringify({ jsonrpc: '2.0', id: message.id, result }), known: true };
}

function resultOf(message: Request, modern: boolean): Record<string, unknown> | undefined {
  const complete = modern ? { resultType: 'complete' } : {};
  const cache = modern ? { ttlMs: 60_000, cacheScope: 'private' } : {};
  const serverInfo = { name: 'raw', version: '1' };
  switch (message.method) {
    case 'initialize':
      return { protocolVersion: LEGACY, capabilities: { tools: {} }, serverInfo };
    case 'server/discover':
      if (!modern) return undefined;
      return {
        ...complete,
        ...cache,
        supportedVersions: [MODERN],
        capabilities: { tools: {} },
        _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
      };
    case 'tools/list':
      return { ...complete, ...cache, tools: TOOLS };
    case 'tools/call': {
      const content = [{ type: 'text', text: message.params?.arguments?.text ?? '' }];
      return { ...complete, content };
    }
    case 'ping':
      return {};
    default:
      return undefined;
  }
}
