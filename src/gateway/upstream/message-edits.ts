import type { RawJson } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { rawDelete, rawGet, rawMembers, rawSet } from '../wire/raw-json.ts';

/** Puts our own token in place of the client's; `token` is the client's, undefined when it asked for no progress. */
export function swapProgressToken(
  params: RawJson | undefined,
  own: RawJson,
): { readonly params: RawJson | undefined; readonly token: RawJson | undefined } {
  const meta = params === undefined ? undefined : rawGet(params, '_meta');
  const token = meta === undefined ? undefined : rawGet(meta, META.progressToken);
  if (params === undefined || meta === undefined || token === undefined)
    return { params, token: undefined };
  return { params: rawSet(params, '_meta', rawSet(meta, META.progressToken, own)), token };
}

/** The id of the listen request a notification belongs to; undefined when it carries none. */
export function subscriptionOf(params: RawJson | undefined): RawJson | undefined {
  const meta = params === undefined ? undefined : rawGet(params, '_meta');
  return meta === undefined ? undefined : rawGet(meta, META.subscriptionId);
}

/** Removes the subscription id: it is ours, the client has another one. */
export function withoutSubscription(params: RawJson | undefined): RawJson | undefined {
  const meta = params === undefined ? undefined : rawGet(params, '_meta');
  if (params === undefined || meta === undefined) return params;
  const rest = rawDelete(meta, META.subscriptionId);
  if (rest === meta) return params;
  return rawMembers(rest)?.size === 0 ? rawDelete(params, '_meta') : rawSet(params, '_meta', rest);
}

/**
 * Looks for `"id": <digits>` near either end of a message that could not be read, so that the call it answers fails at
 * once instead of by time-out. Worst case it names another call of the same server and principal.
 */
export function salvageId(text: string): string | undefined {
  const found = /"id"\s{0,8}:\s{0,8}(\d{1,15})\b/;
  return found.exec(text.slice(0, 512))?.[1] ?? found.exec(text.slice(-512))?.[1];
}

/** Notifications that belong to no call, whatever stream they arrive on. */
export function isChange(method: string): boolean {
  return method.endsWith('/list_changed') || method === 'notifications/resources/updated';
}
