import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** Prefixes of the ids that Sallyport mints; the body is a ULID, so ids sort by time. */
export const ID_PREFIXES = {
  agent: 'agt',
  user: 'usr',
  call: 'cal',
  decision: 'dec',
  session: 'ses',
  task: 'tsk',
  approval: 'apr',
  token: 'tok',
  key: 'key',
  server: 'srv',
  fault: 'flt',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;
export type Id<K extends IdKind = IdKind> = string & { readonly __id: K };

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Mints ids; one per process. Within one millisecond ids still rise (ULID monotonicity). */
export interface IdSource {
  next<K extends IdKind>(kind: K): Id<K>;
}

export function createIdSource(clock: Clock, random: Random): IdSource {
  let lastTime = -1;
  let timePart = '';
  const tail = new Uint8Array(16);
  const fresh = (): void => {
    const bytes = random.bytes(16);
    for (let i = 0; i < 16; i++) tail[i] = (bytes[i] ?? 0) & 31;
  };
  const increment = (): void => {
    for (let i = 15; i >= 0; i--) {
      const digit = tail[i] ?? 0;
      if (digit < 31) {
        tail[i] = digit + 1;
        return;
      }
      tail[i] = 0;
    }
  };
  return {
    next<K extends IdKind>(kind: K): Id<K> {
      const now = Math.max(clock.now(), lastTime);
      if (now === lastTime) {
        increment();
      } else {
        lastTime = now;
        let rest = now;
        let text = '';
        for (let i = 0; i < 10; i++) {
          text = CROCKFORD.charAt(rest % 32) + text;
          rest = Math.floor(rest / 32);
        }
        timePart = text;
        fresh();
      }
      let body = timePart;
      for (let i = 0; i < 16; i++) body += CROCKFORD.charAt(tail[i] ?? 0);
      return `${ID_PREFIXES[kind]}_${body}` as Id<K>;
    },
  };
}

/** True when `text` has the form of an id of that kind. */
export function isId<K extends IdKind>(kind: K, text: string): text is Id<K> {
  return (
    text.length === 30 &&
    text.startsWith(`${ID_PREFIXES[kind]}_`) &&
    /^[0-9A-HJKMNP-TV-Z]{26}$/.test(text.slice(4))
  );
}
