import { describe, expect, it } from 'vitest';
import type { RawJson, Revision } from '../model.ts';
import { json } from './fixtures/scripted.ts';
import { itemFor, listResult } from './list-items.ts';

const raw = (text: string) => text as RawJson;
const TOOL = raw(
  '{"name":"t","title":"T","inputSchema":{"type":"object","x-odd": 1.0},"outputSchema":{"type":"object"},"annotations":{},"icons":[],"execution":{"taskSupport":"optional"},"vendor":9007199254740993}',
);

describe('a tool in a list', () => {
  it.each<[Revision, string[]]>([
    [
      '2025-11-25',
      [
        'name',
        'title',
        'inputSchema',
        'outputSchema',
        'annotations',
        'icons',
        'execution',
        'vendor',
      ],
    ],
    ['2025-06-18', ['name', 'title', 'inputSchema', 'outputSchema', 'annotations', 'vendor']],
    ['2025-03-26', ['name', 'inputSchema', 'annotations', 'vendor']],
    ['2024-11-05', ['name', 'inputSchema', 'vendor']],
  ])('for %s has %j', (revision, members) => {
    const item = itemFor(revision, 'legacy', 'tools', TOOL);
    expect(Object.keys(json(item))).toEqual(members);
    expect(item).toContain('"x-odd": 1.0');
    expect(item).toContain('9007199254740993');
  });

  it('between equal eras and current revisions stays byte for byte', () => {
    expect(itemFor('2025-11-25', 'legacy', 'tools', TOOL)).toBe(TOOL);
    expect(itemFor('2026-07-28', 'modern', 'tools', TOOL)).toBe(TOOL);
  });

  it('of a legacy server has no execution for a modern client', () => {
    expect(json(itemFor('2026-07-28', 'legacy', 'tools', TOOL))).not.toHaveProperty('execution');
  });

  it('with a non-object outputSchema describes { result } to a legacy client, definitions staying in reach', () => {
    const tool = raw(
      '{"name":"t","outputSchema":{"$defs":{"n":{"type":"number"}},"type":"array","items":{"$ref":"#/$defs/n"}}}',
    );
    expect(json(itemFor('2025-06-18', 'modern', 'tools', tool))['outputSchema']).toEqual({
      $defs: { n: { type: 'number' } },
      type: 'object',
      properties: { result: { type: 'array', items: { $ref: '#/$defs/n' } } },
      required: ['result'],
    });
    expect(itemFor('2026-07-28', 'modern', 'tools', tool)).toBe(tool);
  });

  it('whose outputSchema refers to its own root promises nothing about the result', () => {
    const tool = raw('{"name":"t","outputSchema":{"type":"array","items":{"$ref":"#"}}}');
    expect(json(itemFor('2025-11-25', 'modern', 'tools', tool))['outputSchema']).toMatchObject({
      properties: { result: {} },
    });
  });

  it('whose outputSchema allows objects and more has none for a legacy client', () => {
    const tool = raw('{"name":"t","outputSchema":{"anyOf":[{"type":"object"},{"type":"null"}]}}');
    expect(json(itemFor('2025-11-25', 'modern', 'tools', tool))).toEqual({ name: 't' });
  });
});

describe('other entries', () => {
  it('lose titles and icons their client’s revision does not know', () => {
    const prompt = raw(
      '{"name":"p","title":"P","icons":[],"arguments":[{"name":"a","title":"A"},{"name":"b"}]}',
    );
    expect(json(itemFor('2025-03-26', 'modern', 'prompts', prompt))).toEqual({
      name: 'p',
      arguments: [{ name: 'a' }, { name: 'b' }],
    });
    const resource = raw('{"uri":"a:b","name":"r","title":"R","icons":[]}');
    expect(json(itemFor('2025-06-18', 'modern', 'resources', resource))).toEqual({
      uri: 'a:b',
      name: 'r',
      title: 'R',
    });
    expect(json(itemFor('2024-11-05', 'modern', 'resourceTemplates', resource))).toEqual({
      uri: 'a:b',
      name: 'r',
    });
  });
});

describe('a list result', () => {
  it('for a legacy client is the list and the cursor', () => {
    expect(listResult({ era: 'legacy' }, 'tools', [raw('{"name": "a"}')], '')).toBe(
      '{"tools":[{"name": "a"}],"nextCursor":""}',
    );
    expect(listResult({ era: 'legacy' }, 'prompts', [])).toBe('{"prompts":[]}');
  });

  it('for a modern client is complete, private and short-lived', () => {
    const result = json(
      listResult({ era: 'modern' }, 'resourceTemplates', [], undefined, {
        serverInfo: raw('{"name":"s"}'),
      }),
    );
    expect(result).toEqual({
      resultType: 'complete',
      resourceTemplates: [],
      ttlMs: 30_000,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's' } },
    });
  });
});
