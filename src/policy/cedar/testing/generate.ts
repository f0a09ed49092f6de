import type { EntityJson, Link, PolicyTexts, Question, Uid } from './referee.ts';
import { cedar } from './referee.ts';
import {
  ACTIONS,
  type Est,
  EXTENSION_TEXTS,
  KINDS,
  type Kind,
  LONGS,
  NAMES,
  STRINGS,
  TYPES,
  UIDS,
  USUAL,
} from './vocabulary.ts';

/** A small deterministic generator; the seed is all that is needed to see a failure again. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  }
  below(n: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % n;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  some<T>(max: number, make: () => T): T[] {
    return Array.from({ length: this.below(max + 1) }, make);
  }
}

export interface Batch {
  readonly texts: PolicyTexts;
  readonly entities: readonly EntityJson[];
  readonly questions: readonly Question[];
}

/** A policy set without schema, entities and questions, with a taste for the exotic. */
export function generateBatch(seed: number, questions: number): Batch {
  const dice = new Dice(seed);
  const make = new Maker(dice);
  const statics: Record<string, string> = {};
  const count = 3 + dice.below(10);
  for (let i = 0; i < count; i++) statics[`p${i}`] = textOf(cedar.policyToText, make.policy(false));
  const templates: Record<string, string> = {};
  const links: Link[] = [];
  for (let i = 0; i < dice.below(3); i++) {
    const est = make.policy(true);
    templates[`t${i}`] = textOf(cedar.templateToText, est);
    for (let j = 0; j < 1 + dice.below(2); j++) {
      const values: Record<string, Uid> = {};
      const text = JSON.stringify(est);
      if (text.includes('"?principal"')) values['?principal'] = dice.pick(UIDS);
      if (text.includes('"?resource"')) values['?resource'] = dice.pick(UIDS);
      links.push({ templateId: `t${i}`, newId: `t${i}-${j}`, values });
    }
  }
  return {
    texts: { statics, templates, links },
    entities: make.entities(),
    questions: Array.from({ length: questions }, () => ({
      principal: dice.pick(UIDS),
      action: dice.pick(ACTIONS),
      resource: dice.pick(UIDS),
      context: make.jsonRecord(2),
    })),
  };
}

function textOf(print: typeof cedar.policyToText, est: Est): string {
  const printed = print(est as never);
  if (printed.type === 'failure')
    throw new Error(`${printed.errors[0]?.message}: ${JSON.stringify(est)}`);
  return printed.text;
}

class Maker {
  readonly #dice: Dice;
  constructor(dice: Dice) {
    this.#dice = dice;
  }

  policy(template: boolean): Est {
    const dice = this.#dice;
    const slots = template
      ? dice.pick([
          [true, false],
          [false, true],
          [true, true],
        ])
      : [false, false];
    return {
      effect: dice.pick(['permit', 'permit', 'forbid']),
      principal: this.#scope(slots[0] === true ? '?principal' : undefined),
      action: dice.pick<() => Est>([
        () => ({ op: 'All' }),
        () => ({ op: 'All' }),
        () => ({ op: 'All' }),
        () => ({ op: '==', entity: dice.pick(ACTIONS) }),
        () => ({ op: 'in', entity: dice.pick(ACTIONS) }),
        () => ({ op: 'in', entities: dice.some(3, () => dice.pick(ACTIONS)) }),
      ])(),
      resource: this.#scope(slots[1] === true ? '?resource' : undefined),
      // Many policies turn on one operator alone, so that a mistake in it shows in the answer.
      conditions: dice.chance(60)
        ? [{ kind: dice.pick(['when', 'unless']), body: this.#bool(dice.below(2)) }]
        : dice.some(2, () => ({
            kind: dice.pick(['when', 'when', 'unless']),
            body: this.#expr('bool', 4),
          })),
    };
  }

  #scope(slot: string | undefined): Est {
    const dice = this.#dice;
    const target = slot === undefined ? { entity: dice.pick(UIDS) } : { slot };
    const choices: Est[] = [
      { op: '==', ...target },
      { op: 'in', ...target },
      { op: 'is', entity_type: dice.pick(TYPES), in: target },
    ];
    if (slot === undefined)
      choices.push(...new Array<Est>(8).fill({ op: 'All' }), {
        op: 'is',
        entity_type: dice.pick(TYPES),
      });
    return dice.pick(choices);
  }

  /** Mostly of the wanted kind, sometimes of another: type errors are half the semantics. */
  #expr(kind: Kind, depth: number): Est {
    const dice = this.#dice;
    const actual = dice.chance(4) ? dice.pick(KINDS) : kind;
    if (dice.chance(12)) return this.#path(actual);
    if (depth <= 0) return this.#leaf(actual);
    if (dice.chance(6)) {
      return {
        'if-then-else': Object.fromEntries([
          ['if', this.#expr('bool', depth - 1)],
          ['then', this.#expr(actual, depth - 1)],
          ['else', this.#expr(actual, depth - 1)],
        ]),
      };
    }
    if (dice.chance(4))
      return {
        getTag: { left: this.#expr('entity', depth - 1), right: this.#expr('string', depth - 1) },
      };
    switch (actual) {
      case 'bool':
        return this.#bool(depth - 1);
      case 'long':
        return dice.pick<() => Est>([
          () => this.#leaf('long'),
          () => ({ [dice.pick(['+', '-', '*'])]: this.#pair('long', 'long', depth - 1) }),
          () => ({ neg: { arg: this.#expr('long', depth - 1) } }),
          () => ({
            [dice.pick(['toDays', 'toHours', 'toMinutes', 'toSeconds', 'toMilliseconds'])]: [
              this.#expr('duration', depth - 1),
            ],
          }),
        ])();
      case 'set':
        return {
          Set: dice.some(dice.chance(5) ? 12 : 3, () =>
            this.#expr(dice.pick(KINDS), Math.min(1, depth - 1)),
          ),
        };
      case 'record': {
        const fields: [string, Est][] = dice.some(3, () => [
          dice.pick(NAMES),
          this.#expr(dice.pick(KINDS), Math.min(1, depth - 1)),
        ]);
        return { Record: Object.fromEntries(fields) };
      }
      case 'datetime':
        return dice.pick<() => Est>([
          () => this.#leaf('datetime'),
          () => ({
            offset: [this.#expr('datetime', depth - 1), this.#expr('duration', depth - 1)],
          }),
          () => ({ toDate: [this.#expr('datetime', depth - 1)] }),
        ])();
      case 'duration':
        return dice.pick<() => Est>([
          () => this.#leaf('duration'),
          () => ({
            durationSince: [this.#expr('datetime', depth - 1), this.#expr('datetime', depth - 1)],
          }),
          () => ({ toTime: [this.#expr('datetime', depth - 1)] }),
        ])();
      default:
        return this.#leaf(actual);
    }
  }

  #pair(left: Kind, right: Kind, depth: number): Est {
    return { left: this.#expr(left, depth), right: this.#expr(right, depth) };
  }

  #bool(depth: number): Est {
    const dice = this.#dice;
    const same = dice.pick(KINDS);
    return dice.pick<() => Est>([
      () => ({ '&&': this.#pair('bool', 'bool', depth) }),
      () => ({ '||': this.#pair('bool', 'bool', depth) }),
      () => ({ '!': { arg: this.#expr('bool', depth) } }),
      () => ({
        [dice.pick(['==', '!='])]: this.#pair(
          same,
          dice.chance(80) ? same : dice.pick(KINDS),
          depth,
        ),
      }),
      () => {
        const ordered = dice.pick<Kind>(['long', 'long', 'datetime', 'duration']);
        return { [dice.pick(['<', '<=', '>', '>='])]: this.#pair(ordered, ordered, depth) };
      },
      () => ({ in: this.#pair('entity', 'entity', depth) }),
      () => ({
        in: {
          left: this.#expr('entity', depth),
          right: { Set: dice.some(3, () => this.#expr('entity', 0)) },
        },
      }),
      () => ({ contains: this.#pair('set', dice.pick(KINDS), depth) }),
      () => ({ [dice.pick(['containsAll', 'containsAny'])]: this.#pair('set', 'set', depth) }),
      () => ({ isEmpty: { arg: this.#expr('set', depth) } }),
      () => ({ hasTag: this.#pair('entity', 'string', depth) }),
      () => ({
        has: {
          left: this.#expr(dice.pick<Kind>(['entity', 'record']), depth),
          attr: dice.pick(NAMES),
        },
      }),
      // Only identifiers may form a dotted path.
      () => ({
        has: {
          left: this.#root(),
          attr: [dice.pick(['a', 'b', 'who']), dice.pick(['a', 'c', 'constructor'])],
        },
      }),
      () => ({ like: { left: this.#expr('string', depth), pattern: this.#pattern() } }),
      () => ({ is: { left: this.#expr('entity', depth), entity_type: dice.pick(TYPES) } }),
      () => ({
        is: {
          left: this.#expr('entity', depth),
          entity_type: dice.pick(TYPES),
          in: this.#expr(dice.pick<Kind>(['entity', 'set']), depth),
        },
      }),
      () => ({
        [dice.pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])]: [
          this.#expr('decimal', depth),
          this.#expr('decimal', depth),
        ],
      }),
      () => ({ isInRange: [this.#expr('ip', depth), this.#expr('ip', depth)] }),
      () => ({
        [dice.pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])]: [this.#expr('ip', depth)],
      }),
    ])();
  }

  #pattern(): unknown[] {
    return this.#dice.some(5, () =>
      this.#dice.chance(50)
        ? 'Wildcard'
        : { Literal: this.#dice.pick(['a', 'b', '*', '/', 'acme', '😀', '\n', '\\']) },
    );
  }

  #root(): Est {
    return { Var: this.#dice.pick(['context', 'context', 'principal', 'resource']) };
  }

  #path(kind: Kind): Est {
    const dice = this.#dice;
    const attr = dice.chance(80) ? USUAL[kind] : dice.pick(NAMES);
    const left = dice.chance(15)
      ? { '.': { left: this.#root(), attr: USUAL[dice.pick<Kind>(['record', 'entity'])] } }
      : this.#root();
    return { '.': { left, attr } };
  }

  #leaf(kind: Kind): Est {
    const dice = this.#dice;
    switch (kind) {
      case 'bool':
        return { Value: dice.chance(50) };
      case 'long':
        return { Value: dice.pick(LONGS) };
      case 'string':
        return { Value: dice.pick(STRINGS) };
      case 'entity':
        return dice.chance(60)
          ? { Var: dice.pick(['principal', 'resource', 'action']) }
          : { Value: { __entity: dice.pick(UIDS) } };
      case 'set':
        return dice.chance(50)
          ? { '.': { left: { Var: 'context' }, attr: 'list' } }
          : { Set: dice.some(3, () => this.#leaf(dice.pick<Kind>(['long', 'string']))) };
      case 'record':
        return dice.chance(60) ? { Var: 'context' } : { Record: {} };
      default:
        return {
          [kind]: [
            { Value: dice.pick(dice.chance(95) ? (EXTENSION_TEXTS[kind] ?? STRINGS) : STRINGS) },
          ],
        };
    }
  }

  entities(): EntityJson[] {
    const dice = this.#dice;
    const residents = UIDS.filter((uid) => uid.id !== 'ghost' && dice.chance(70));
    const all = [...residents, ...ACTIONS];
    // Parents only point forwards, so there are no cycles; actions only have actions above them.
    return all.map((uid, i) => ({
      uid,
      attrs: uid.type === 'Action' ? {} : this.jsonRecord(1, 35),
      parents: all
        .slice(i + 1)
        .filter(
          (other) => dice.chance(20) && (other.type === 'Action') === (uid.type === 'Action'),
        ),
      tags: uid.type === 'Action' ? {} : this.jsonRecord(0, 15),
    }));
  }

  jsonRecord(depth: number, density = 65): Record<string, unknown> {
    const dice = this.#dice;
    const usual = KINDS.filter(() => dice.chance(density)).map((kind): [string, unknown] => [
      USUAL[kind],
      this.#json(depth, kind),
    ]);
    const odd = dice.some(2, (): [string, unknown] => [dice.pick(NAMES), this.#json(depth)]);
    const record = Object.fromEntries([...usual, ...odd]);
    if (dice.chance(10)) record['list'] = Array.from({ length: 20 }, () => this.#json(0));
    return record;
  }

  #json(depth: number, wanted?: Kind): unknown {
    const dice = this.#dice;
    const kind = wanted !== undefined && dice.chance(85) ? wanted : dice.pick(KINDS);
    switch (kind) {
      case 'bool':
        return dice.chance(50);
      case 'long':
        return dice.pick(LONGS);
      case 'string':
        return dice.pick(STRINGS);
      case 'entity':
        return { __entity: dice.pick(UIDS) };
      case 'set':
        return dice.some(4, () =>
          this.#json(0, dice.pick<Kind>(['long', 'string', 'entity', 'bool'])),
        );
      case 'record':
        return depth > 0 ? this.jsonRecord(depth - 1) : {};
      default: {
        // A bad literal would refuse the whole request; those have rows of their own.
        const texts = EXTENSION_TEXTS[kind] ?? [];
        return { __extn: { fn: kind, arg: dice.pick(texts.slice(0, 2)) } };
      }
    }
  }
}
