import type { Uid } from './referee.ts';

/** The words of generated policies and data: ordinary ones, and those that have broken something somewhere. */
export type Est = Record<string, unknown>;
export type Kind =
  | 'bool'
  | 'long'
  | 'string'
  | 'entity'
  | 'set'
  | 'record'
  | 'decimal'
  | 'datetime'
  | 'duration'
  | 'ip';

export const KINDS: readonly Kind[] = [
  'bool',
  'long',
  'string',
  'entity',
  'set',
  'record',
  'decimal',
  'datetime',
  'duration',
  'ip',
];
export const NAMES = [
  'a',
  'b',
  'c',
  'list',
  'who',
  'when',
  '__proto__',
  'constructor',
  'toString',
  'x y',
  '',
];
/** What an attribute of this name usually holds, so that most paths lead to a value of the wanted kind. */
export const USUAL: Readonly<Record<Kind, string>> = {
  bool: 'flag',
  long: 'a',
  string: 'b',
  entity: 'who',
  set: 'list',
  record: 'c',
  decimal: 'constructor',
  datetime: 'when',
  duration: '__proto__',
  ip: 'x y',
};
export const STRINGS = [
  '',
  'a',
  'b',
  'ab',
  'acme/app',
  'acme/*',
  '*',
  'a\nb',
  '\u0000',
  '"',
  '\\',
  '😀',
  'é',
  'e\u0301',
  '__proto__',
  'constructor',
  '10.0.0.1',
  '10.0.0.0/8',
  '::1',
  '010.0.0.1',
  '1.2345',
  '-0.5',
  '1',
  '2024-02-29',
  '2023-02-29',
  '2024-01-01T00:00:00.123+0530',
  '0000-01-01',
  '1d2h',
  '-9223372036854775808ms',
  '1h1d',
  '$x',
  '%s',
  'B::c',
  '\u202e',
  '\ufeff',
];
export const EXTENSION_TEXTS: Readonly<Record<string, readonly string[]>> = {
  decimal: [
    '0.0',
    '1.5',
    '1.50',
    '-1.5',
    '922337203685477.5807',
    '-922337203685477.5808',
    '922337203685477.5808',
    '1',
    '01.1',
  ],
  datetime: [
    '1970-01-01',
    '2024-02-29',
    '2023-02-29',
    '1969-12-31T23:59:59.999Z',
    '2024-01-01T12:34:56-2359',
    '0001-01-01',
    '9999-12-31',
    '2024-01-01T24:00:00Z',
  ],
  duration: [
    '0ms',
    '1d',
    '-1d',
    '1d2h3m4s5ms',
    '-9223372036854775808ms',
    '9223372036854775807ms',
    '9223372036854775808ms',
    '36h',
    '-1ms',
    '1ms1s',
  ],
  ip: [
    '10.0.0.1',
    '10.0.0.0/8',
    '10.1.0.0/16',
    '127.0.0.1',
    '0.0.0.0/0',
    '::1',
    '::/0',
    'ff02::1',
    '224.0.0.0/4',
    '1::2::3',
    '10.0.0.1/33',
  ],
};
export const LONGS = [0, 1, -1, 2, 7, 1000, 3037000500, 9007199254740991, -9007199254740991];
export const UIDS: readonly Uid[] = [
  { type: 'A', id: 'x' },
  { type: 'A', id: 'y' },
  { type: 'A', id: 'B::c' },
  { type: 'A::B', id: 'c' },
  { type: 'A', id: '' },
  { type: 'G', id: 'g' },
  { type: 'G', id: 'top' },
  { type: 'G', id: '__proto__' },
  { type: 'R', id: 'r' },
  { type: 'R', id: '"\\\n' },
  { type: 'A', id: 'ghost' },
];
export const ACTIONS: readonly Uid[] = ['read', 'write', 'call', 'all'].map((id) => ({
  type: 'Action',
  id,
}));
export const TYPES = ['A', 'A::B', 'G', 'R', 'Nobody'];
