import type { ClientFacts, Downstream, RawJson } from '../model.ts';
import { rawDelete, rawGet, rawKind, rawMembers, rawObject, rawSet } from '../wire/raw-json.ts';
import { TASKS_EXTENSION } from './modern-tasks.ts';

const cache = new WeakMap<
  ClientFacts,
  { readonly asked: ClientFacts; readonly unasked: ClientFacts }
>();

/**
 * What a legacy client is towards a modern upstream: without `tasks` (another thing in the modern era) and, where it
 * can't be asked on this request, without what only asking could serve. URL elicitation stays for 2025-11-25, because
 * such a client can be told the URL by error (-32042).
 */
export function clientForModern(
  downstream: Pick<Downstream, 'client' | 'ask' | 'session'>,
): ClientFacts {
  const { client, session } = downstream;
  let pair = cache.get(client);
  if (pair === undefined) {
    const asked = forModern(client.capabilities);
    pair = {
      asked: { ...client, capabilities: asked },
      unasked: { ...client, capabilities: withoutAsks(asked, client) },
    };
    cache.set(client, pair);
  }
  const facts = downstream.ask === undefined ? pair.unasked : pair.asked;
  const logLevel = session?.logLevel ?? client.logLevel;
  return logLevel === facts.logLevel ? facts : { ...facts, logLevel };
}

function forModern(capabilities: RawJson): RawJson {
  const next = rawDelete(capabilities, 'tasks');
  const extensions = rawGet(next, 'extensions');
  if (extensions === undefined || rawGet(extensions, TASKS_EXTENSION) === undefined) return next;
  const rest = rawDelete(extensions, TASKS_EXTENSION);
  return rawMembers(rest)?.size === 0
    ? rawDelete(next, 'extensions')
    : rawSet(next, 'extensions', rest);
}

function withoutAsks(capabilities: RawJson, client: ClientFacts): RawJson {
  const elicitation = rawGet(capabilities, 'elicitation');
  const url =
    elicitation !== undefined &&
    rawKind(elicitation) === 'object' &&
    client.revision >= '2025-11-25'
      ? rawGet(elicitation, 'url')
      : undefined;
  const next = rawDelete(rawDelete(capabilities, 'sampling'), 'roots');
  return url === undefined
    ? rawDelete(next, 'elicitation')
    : rawSet(next, 'elicitation', rawObject([['url', url]]));
}
