import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CedarRecord, CedarSet, OversizeString, type Value } from '../cedar/index.ts';
import { argumentViews } from './argument-views.ts';
import { demandedViews } from './demanded-views.ts';
import { pathView } from './path-view.ts';
import { urlView } from './url-view.ts';

const items = (view: CedarRecord | undefined, name: string): unknown =>
  (view?.get(name) as CedarSet | undefined)?.items;
const path = (...texts: string[]): CedarRecord | undefined =>
  pathView(texts.length === 1 ? texts[0] : new CedarSet(texts));
const url = (...texts: string[]): CedarRecord | undefined => urlView(new CedarSet(texts));

describe('the view of a path', () => {
  it.each([
    ['/a/./b//../c/', '/a/c'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['/', '/'],
    ['a/b', './a/b'],
    ['./a/../../b', '../b'],
    ['../../b', '../../b'],
    ['~/x', '~/x'],
    ['C:\\Work\\..\\x.txt', 'c:/x.txt'],
    ['\\\\Host\\Share\\a\\..\\b', '//host/share/b'],
    ['file:///srv/%2e%2e/etc/a', '/etc/a'],
  ])('normalises %s', (text, at) => {
    expect(path(text)?.get('at')).toBe(at);
  });

  it('lists every folder above, so that a longer name is not inside', () => {
    expect(items(path('/srv/work/a'), 'under')).toEqual(['/', '/srv', '/srv/work', '/srv/work/a']);
    expect(items(path('/srv/work-old/a'), 'under')).not.toContain('/srv/work');
    expect(items(path('../../x'), 'under')).not.toContain('..');
    expect(items(path('/srv/a/x', '/srv/b/y'), 'under')).toEqual(['/', '/srv']);
    expect(items(path('/srv/a', '~/b'), 'under')).toEqual([]);
  });

  it('finds names at any depth, in any case, with their beginnings', () => {
    const parts = items(path('/Home/.SSH/id_rsa.pub'), 'parts');
    expect(parts).toEqual(['home', '.ssh', 'id_rsa.pub', 'id_rsa']);
    expect(items(path('/a/.env.local'), 'parts')).toContain('.env');
    expect(items(path('/a/.env::$DATA'), 'parts')).toContain('.env');
    expect(items(path('/a/KEY.Pem'), 'extensions')).toEqual(['pem']);
  });

  it('does not judge what may be read in two ways', () => {
    for (const text of [
      '',
      '/a\\..\\b',
      '/a\0b',
      '~/../x',
      'file://host/x',
      `/${'a/'.repeat(5000)}`,
    ])
      expect(path(text)).toBeUndefined();
  });

  it('never claims a folder that the path leaves', () => {
    const step = fc.constantFrom('..', '.', 'a', 'b', '');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const real: string[] = [];
        for (const one of steps) {
          if (one === '..') real.pop();
          else if (one !== '.' && one !== '') real.push(one);
        }
        expect(path(`/${steps.join('/')}`)?.get('at')).toBe(`/${real.join('/')}`);
      }),
    );
  });
});

describe('the view of a URL', () => {
  it('tells the host a client would connect to', () => {
    const view = url('https://user@API.Example.com:8443/x');
    expect(items(view, 'hosts')).toEqual(['api.example.com']);
    expect(items(view, 'within')).toEqual(['api.example.com', 'example.com', 'com']);
    expect(view?.get('credentials')).toBe(true);
    expect(items(url('https://example.com.evil.test'), 'within')).not.toContain('example.com');
  });

  it('keeps only what all URLs of a list share', () => {
    expect(items(url('https://a.example.com', 'https://b.example.com'), 'within')).toEqual([
      'example.com',
      'com',
    ]);
  });

  it.each([
    'http://localhost/',
    'http://127.1/',
    'http://0x7f000001/',
    'http://2130706433/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://169.254.169.254/',
    'http://[fd00::1]/',
    'http://router/',
    'http://db.internal./',
  ])('sees that %s is local', (text) => {
    expect(url(text)?.get('local')).toBe(true);
  });

  it('does not judge what is no URL', () => {
    for (const text of ['example.com', 'http://', 'http://a\tb/'])
      expect(url(text)).toBeUndefined();
    expect(url('https://93.184.215.14/')?.get('local')).toBe(false);
  });
});

describe('which views are made', () => {
  const context = { Var: 'context' };
  const get = (left: unknown, attr: string): unknown => ({ '.': { left, attr } });

  it('makes those that a policy reads', () => {
    const read = get(get(get(context, 'paths'), 'source'), 'under');
    expect(demandedViews([{ conditions: [{ body: read }] }])).toEqual({
      paths: new Set(['source']),
      urls: new Set(),
    });
    const has = { has: { left: context, attr: ['urls', 'url', 'hosts'] } };
    expect(demandedViews([has]).urls).toEqual(new Set(['url']));
  });

  it('makes all when it cannot tell', () => {
    expect(
      demandedViews([{ '==': { left: get(context, 'paths'), right: { Record: {} } } }]).paths,
    ).toEqual('all');
    expect(demandedViews([{ '==': { left: context, right: context } }])).toEqual({
      paths: 'all',
      urls: 'all',
    });
  });

  it('puts something unreadable where a view cannot be made, so that `has` does not miss it', () => {
    const input = new CedarRecord(new Map<string, Value>([['path', '/a\\b']]));
    const views = argumentViews(input, ['path'], { paths: new Set(['path']), urls: new Set() });
    expect(views.paths.get('path')).toBeInstanceOf(OversizeString);
    expect(views.urls.size).toBe(0);
  });
});
