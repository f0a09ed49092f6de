import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import {
  addEnvelope,
  type Envelope,
  META,
  metaString,
  readEnvelope,
  stripEnvelope,
} from './envelope.ts';
import { rawGet, rawOf, scanJson } from './raw-json.ts';

const envelope: Envelope = {
  protocolVersion: '2026-07-28',
  capabilities: '{"x": 9007199254740993}' as RawJson,
  info: '{"name":"c"}' as RawJson,
  logLevel: 'debug',
};
const withMeta = (meta: object): RawJson => rawOf({ _meta: meta });

describe('envelope', () => {
  test('what was added is read back and stripping restores the params', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.option(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 })),
        (fields, meta) => {
          const params = rawOf(meta === null ? fields : { ...fields, _meta: meta });
          fc.pre(scanJson(params).ok && !Object.hasOwn(fields, '_meta'));
          const full = addEnvelope(params, envelope);
          expect(scanJson(full).ok).toBe(true);
          expect(readEnvelope(full)).toEqual({ kind: 'envelope', envelope });
          expect(stripEnvelope(full)).toBe(params);
        },
      ),
    );
  });

  test('a stale envelope is replaced whole', () => {
    const old = addEnvelope(undefined, envelope);
    const next: Envelope = {
      protocolVersion: '2026-07-28',
      capabilities: '{}' as RawJson,
      info: undefined,
      logLevel: undefined,
    };
    expect(readEnvelope(addEnvelope(old, next))).toEqual({ kind: 'envelope', envelope: next });
    expect(stripEnvelope(old)).toBe('{}');
    expect(stripEnvelope(undefined)).toBeUndefined();
  });

  test('vendor, progress and trace keys stay', () => {
    const params = addEnvelope(
      withMeta({ progressToken: 1, 'x/y': {}, traceparent: 't' }),
      envelope,
    );
    const stripped = stripEnvelope(params);
    expect(rawGet(stripped, '_meta')).toBe('{"progressToken":1,"x/y":{},"traceparent":"t"}');
    expect(metaString(stripped, META.traceparent)).toBe('t');
  });

  test.each([
    [{}, 'absent'],
    [{ [META.clientCapabilities]: {} }, 'absent'],
    [{ [META.protocolVersion]: 1 }, 'malformed'],
    [{ [META.protocolVersion]: '' }, 'malformed'],
    [{ [META.protocolVersion]: '2026-07-28' }, 'malformed'],
    [{ [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: [] }, 'malformed'],
    [
      {
        [META.protocolVersion]: '2026-07-28',
        [META.clientCapabilities]: {},
        [META.clientInfo]: 'x',
      },
      'malformed',
    ],
    [
      {
        [META.protocolVersion]: '2026-07-28',
        [META.clientCapabilities]: {},
        [META.logLevel]: 'loud',
      },
      'malformed',
    ],
    [{ [META.protocolVersion]: 'v999', [META.clientCapabilities]: {} }, 'envelope'],
  ])('%j is %s', (meta, kind) => {
    expect(readEnvelope(withMeta(meta)).kind).toBe(kind);
  });

  test('a _meta that is no object is no envelope and stays', () => {
    const params = '{"_meta":[1]}' as RawJson;
    expect(readEnvelope(params).kind).toBe('absent');
    expect(stripEnvelope(params)).toBe(params);
  });
});
