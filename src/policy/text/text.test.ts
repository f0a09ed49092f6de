import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAnnotations } from './policy-annotations.ts';
import { offsetOfByte, positionAt } from './source-position.ts';
import { splitPolicies } from './split-policies.ts';
import { suggest } from './suggest.ts';

describe('splitPolicies', () => {
  it('cuts at semicolons outside strings and comments', () => {
    const file =
      '// a; b\npermit(principal, action, resource) when { "x;\\"" == "y" };\n\nforbid(principal, action, resource);\n// end';
    const pieces = splitPolicies(file);
    expect(pieces.map(({ text }) => text.slice(0, 6))).toEqual(['// a; ', 'forbid']);
    for (const { text, offset } of pieces)
      expect(file.slice(offset, offset + text.length)).toBe(text);
  });

  it('keeps a forgotten bracket from swallowing the next policy', () => {
    expect(
      splitPolicies('permit(principal when { true };\nforbid(principal, action, resource);'),
    ).toHaveLength(2);
  });

  it('loses no code of any file', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ';', '"', '{', '}', '/', '\n', '\\', ' ') }),
        (file) => {
          const joined = splitPolicies(file)
            .map(({ text }) => text)
            .join('');
          const stripped = (text: string): number => text.replace(/\s/g, '').length;
          expect(stripped(joined)).toBeLessThanOrEqual(stripped(file));
          if (!file.includes('//')) expect(stripped(joined)).toBe(stripped(file));
        },
      ),
    );
  });
});

describe('positions', () => {
  it('count UTF-16 columns although Cedar counts bytes', () => {
    const text = 'ä😀\nx = y';
    expect(offsetOfByte(text, 7)).toBe(4);
    expect(positionAt(text, offsetOfByte(text, 7))).toEqual({ line: 2, column: 1 });
  });
});

describe('suggest', () => {
  it('finds the near name and nothing far', () => {
    expect(suggest('read_fiel', ['write_file', 'read_file'])).toBe('read_file');
    expect(suggest('xyz', ['read_file'])).toBeUndefined();
  });
});

describe('annotations', () => {
  it('reads the approval form', () => {
    expect(readAnnotations({ approval: 'ops team, 2h' }, 'forbid')).toMatchObject({
      annotations: { approval: { approvers: 'ops team', ttlMs: 7_200_000 } },
    });
  });

  it.each([
    [{ approval: 'ops' }, 'forbid'],
    [{ approval: 'ops, 0m' }, 'forbid'],
    [{ approval: 'ops, 5m' }, 'permit'],
    [{ mode: 'maybe' }, 'permit'],
    [{ id: ' pass' }, 'permit'],
    [{ obligation: 'DROP TABLE' }, 'permit'],
  ] as const)('refuses %j on a %s', (raw, effect) => {
    expect(readAnnotations(raw, effect).ok).toBe(false);
  });
});
