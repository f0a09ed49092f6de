import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import {
  encodeError,
  encodeNotification,
  encodeRequest,
  encodeResult,
  looksLikeBatch,
  parseBatch,
  parseMessage,
} from './message.ts';
import { rawGet } from './raw-json.ts';

const code = (text: string): number | string => {
  const parsed = parseMessage(text);
  return parsed.ok ? parsed.value.kind : parsed.error.code;
};

describe('one message', () => {
  test.each([
    ['{"jsonrpc":"2.0","id":1,"method":"m"}', 'request'],
    ['{"jsonrpc":"2.0","id":"a","method":"m","params":{}}', 'request'],
    ['{"jsonrpc":"2.0","id":9007199254740993,"method":"m"}', 'request'],
    ['{"jsonrpc":"2.0","method":"m"}', 'notification'],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', 'response'],
    ['{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"x"}}', 'response'],
    ['{"jsonrpc":"2.0","error":{"code":-1,"message":"x"}}', 'response'],
    ['{"\\u006asonrpc":"2.0","id":1,"method":"m"}', 'request'],
    ['{"jsonrpc":"2.0","id":null,"method":"m"}', -32600],
    ['{"jsonrpc":"2.0","id":1.5,"method":"m"}', -32600],
    ['{"jsonrpc":"2.0","id":true,"method":"m"}', -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"m"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"m","params":[]}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"m","params":null}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":1}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":""}', -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"m"}', -32600],
    ['{"id":1,"method":"m"}', -32600],
    ['{"jsonrpc":"2.0","id":1}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"m"}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"m","result":1}', -32600],
    ['{"jsonrpc":"2.0","id":1,"error":{"message":"m"}}', -32600],
    ['{"jsonrpc":"2.0","result":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":1}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":[]}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":null}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}', -32600],
    ['[]', -32600],
    ['"m"', -32600],
    ['{', -32700],
    ['', -32700],
  ])('%s is %s', (text, expected) => {
    expect(code(text)).toBe(expected);
  });

  test('the id of a faulty message is kept for the answer', () => {
    const parsed = parseMessage('{"jsonrpc":"2.0","id":"x1","method":"m","params":3}');
    expect(parsed).toMatchObject({ ok: false, error: { id: '"x1"' } });
  });

  test('params and ids come through byte for byte', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.oneof(fc.integer(), fc.string()), (value, id) => {
        const params = ` ${JSON.stringify({ v: value }).toWellFormed()}`.replace(':', ' : ');
        const parsed = parseMessage(
          `{ "params":${params} ,"method":"m","jsonrpc":"2.0","id":${JSON.stringify(id)}}`,
        );
        if (!parsed.ok) return expect(params).toMatch(/\\ud[89a-f]/i);
        expect(parsed.value).toMatchObject({ id: JSON.stringify(id), params: params.trim() });
      }),
    );
  });
});

describe('batches', () => {
  test('items are judged one by one and bounded in number', () => {
    const parsed = parseBatch(
      '[{"jsonrpc":"2.0","id":1,"method":"m"},7,{"jsonrpc":"2.0","method":"n"}]',
    );
    expect(parsed.ok && parsed.value.map((item) => item.ok)).toEqual([true, false, true]);
    expect(parseBatch('[]').ok).toBe(false);
    expect(parseBatch('{}').ok).toBe(false);
    expect(parseBatch('[1,2,3]', { maxCount: 2 }).ok).toBe(false);
    expect(looksLikeBatch(' \n[')).toBe(true);
    expect(looksLikeBatch('{"a":[]}')).toBe(false);
  });
});

describe('encoding', () => {
  test('what is encoded parses to the same message', () => {
    const params = '{"a":1.0}' as RawJson;
    expect(parseMessage(encodeRequest('"x"' as RawJson, 'm', params))).toEqual({
      ok: true,
      value: { kind: 'request', id: '"x"', method: 'm', params },
    });
    expect(parseMessage(encodeRequest(7, 'm'))).toMatchObject({
      value: { id: '7', params: undefined },
    });
    expect(parseMessage(encodeNotification('n"', params))).toMatchObject({
      value: { kind: 'notification', method: 'n"', params },
    });
    expect(parseMessage(encodeResult(1, params))).toMatchObject({
      value: { kind: 'response', result: params },
    });
    const failed = parseMessage(encodeError(null, -1, 'no "way"', '[1]' as RawJson));
    expect(failed).toMatchObject({ value: { kind: 'response', id: 'null' } });
    const error = failed.ok && failed.value.kind === 'response' ? failed.value.error : undefined;
    expect(error && rawGet(error, 'data')).toBe('[1]');
  });
});
