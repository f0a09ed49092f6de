import { classifyInboundRequest } from '@modelcontextprotocol/server';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClassifyInput, classify } from './classify.ts';
import { META, readEnvelope } from './envelope.ts';
import { rawOf } from './raw-json.ts';

const base: ClassifyInput = {
  httpMethod: 'POST',
  method: 'tools/call',
  notification: false,
  enveloped: false,
  validSession: false,
  mcpMethodHeader: undefined,
  versionHeader: undefined,
};

describe('era of a request', () => {
  test.each([
    [{ enveloped: true }, 'modern'],
    [{ enveloped: true, validSession: true, versionHeader: '2025-11-25' }, 'modern'],
    [{ enveloped: true, method: 'initialize' }, 'modern'],
    [{ method: 'initialize', mcpMethodHeader: 'initialize' }, 'legacy'],
    [{ httpMethod: 'GET' as const, method: undefined }, 'legacy'],
    [{ httpMethod: 'DELETE' as const, method: undefined }, 'legacy'],
    [{ validSession: true, versionHeader: '2026-07-28' }, 'legacy'],
    [{ versionHeader: '2026-07-28', mcpMethodHeader: 'tools/call' }, 'malformed'],
    [{ versionHeader: '2027-01-01' }, 'malformed'],
    [{ mcpMethodHeader: 'tools/call' }, 'malformed'],
    [{ versionHeader: '2026-07-28', notification: true }, 'modern'],
    [{ versionHeader: '2025-11-25' }, 'legacy'],
    [{}, 'legacy'],
  ])('%j is %s', (over, kind) => {
    expect(classify({ ...base, ...over }).kind).toBe(kind);
  });

  test('a missing envelope is -32602, missing version headers are -32020', () => {
    expect(classify({ ...base, versionHeader: '2026-07-28' })).toMatchObject({ code: -32602 });
    expect(classify({ ...base, mcpMethodHeader: 'x' })).toMatchObject({ code: -32020 });
  });

  test('agrees with the official SDK where no session and no Mcp-Method header is involved', () => {
    const full = { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: {} };
    fc.assert(
      fc.property(
        fc.constantFrom('tools/call', 'tools/list', 'ping', 'server/discover'),
        fc.constantFrom(undefined, {}, full),
        fc.constantFrom(undefined, '2025-03-26', '2025-11-25', '2026-07-28'),
        (method, meta, versionHeader) => {
          const params = meta === undefined ? {} : { _meta: meta };
          const oracle = classifyInboundRequest({
            httpMethod: 'POST',
            ...(versionHeader === undefined ? {} : { protocolVersionHeader: versionHeader }),
            body: { jsonrpc: '2.0', id: 1, method, params },
          } as Parameters<typeof classifyInboundRequest>[0]);
          const enveloped = readEnvelope(rawOf(params)).kind !== 'absent';
          const ours = classify({ ...base, method, enveloped, versionHeader });
          // Header against body is a later check of ours.
          if (enveloped && versionHeader !== undefined && versionHeader !== '2026-07-28') return;
          expect(ours.kind === 'malformed' ? 'rejected' : ours.kind).toBe(
            oracle.kind === 'legacy' || oracle.kind === 'modern' ? oracle.kind : 'rejected',
          );
        },
      ),
    );
  });
});
