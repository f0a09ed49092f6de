import { AppError } from '../kernel/index.ts';

const MAX_LENGTH = 255;
const MAX_TOKENS = 16;
const TOKEN = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** Throws `BUS_BAD_TOPIC` unless it is `token.token…`; wildcards have no place in a topic. */
export function checkTopic(topic: string): void {
  for (const token of split(topic))
    if (!TOKEN.test(token)) throw bad('tokens are letters, digits, - and _');
}

/** Throws `BUS_BAD_TOPIC` unless each token is a word or `*`, or `>` at the end. */
export function checkPattern(pattern: string): void {
  const tokens = split(pattern);
  tokens.forEach((token, i) => {
    if (token === '*' || (token === '>' && i === tokens.length - 1)) return;
    if (!TOKEN.test(token)) throw bad('tokens are words or *, and > at the end');
  });
}

/** Throws `BUS_BAD_TOPIC` unless it is one token. */
export function checkQueue(queue: string): void {
  if (queue.length > MAX_LENGTH || !TOKEN.test(queue)) throw bad('a queue name is one token');
}

export function hasWildcard(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('>');
}

/** `*` stands for exactly one token, `>` for one or more. Both sides are checked already. */
export function matches(pattern: string, topic: string): boolean {
  const wanted = pattern.split('.');
  const given = topic.split('.');
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '>') return given.length > i;
    if (i >= given.length || (wanted[i] !== '*' && wanted[i] !== given[i])) return false;
  }
  return wanted.length === given.length;
}

function split(text: string): string[] {
  if (typeof text !== 'string' || text.length > MAX_LENGTH)
    throw bad(`it is longer than ${MAX_LENGTH}`);
  const tokens = text.split('.');
  if (tokens.length > MAX_TOKENS) throw bad(`it has more than ${MAX_TOKENS} tokens`);
  return tokens;
}

function bad(problem: string): AppError {
  return new AppError('BUS_BAD_TOPIC', { params: { problem } });
}
