/** JSON-RPC 2.0 and MCP error codes. -32000..-32019 are legacy SDK codes without a shared meaning: never emitted. */
export const CODES = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** Modern: a header is absent, malformed or differs from the body. */
  headerMismatch: -32020,
  /** Modern: `data.requiredCapabilities`. */
  missingCapability: -32021,
  /** Modern: `data.supported`, `data.requested`. */
  unsupportedVersion: -32022,
  /** Legacy only, never sent to a modern client. */
  resourceNotFound: -32002,
  /** Legacy (2025-11-25) only. */
  urlElicitationRequired: -32042,
} as const;
