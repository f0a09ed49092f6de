import type { RawJson, UpstreamAnswer, UpstreamInfo, UpstreamListener } from '../model.ts';
import { rawArray, rawAsString, rawGet, rawItems, rawObject } from '../wire/raw-json.ts';
import { cancelled } from './upstream-errors.ts';

export interface LegacyListenPort {
  readonly info: UpstreamInfo;
  /** `resources/subscribe` and `/unsubscribe`; may reject. */
  call(method: string, params: RawJson, signal: AbortSignal | undefined): Promise<UpstreamAnswer>;
}

export interface LegacyListen {
  open(filter: RawJson, signal: AbortSignal): Promise<UpstreamListener>;
  /** Subscribes again what is held, after the session was renewed. */
  restore(): void;
  /** Open listeners. */
  count(): number;
}

const MAX_URIS = 128;
const LISTS = [
  ['toolsListChanged', 'tools'],
  ['promptsListChanged', 'prompts'],
  ['resourcesListChanged', 'resources'],
] as const;

/**
 * Stands for `subscriptions/listen` on a legacy server: one `resources/subscribe` per URI (counted, so two listeners share
 * one) and an acknowledgement made from the server's capabilities and its answers. URIs that are refused, or beyond 128,
 * are left out of it.
 */
export function createLegacyListen(port: LegacyListenPort): LegacyListen {
  const held = new Map<string, { raw: RawJson; count: number }>();
  let listeners = 0;

  const subscribe = async (raw: RawJson, uri: string, signal: AbortSignal): Promise<boolean> => {
    const existing = held.get(uri);
    if (existing !== undefined) {
      existing.count++;
      return true;
    }
    const answer = await port.call('resources/subscribe', rawObject([['uri', raw]]), signal);
    if (answer.kind !== 'result') return false;
    const meanwhile = held.get(uri);
    if (meanwhile !== undefined) meanwhile.count++;
    else held.set(uri, { raw, count: 1 });
    return true;
  };

  const release = (uri: string): void => {
    const entry = held.get(uri);
    if (entry === undefined || --entry.count > 0) return;
    held.delete(uri);
    port.call('resources/unsubscribe', rawObject([['uri', entry.raw]]), undefined).catch(() => {});
  };

  return {
    async open(filter, signal) {
      if (signal.aborted) throw cancelled();
      const honoured: Array<readonly [string, RawJson]> = [];
      for (const [key, capability] of LISTS) {
        const wanted = rawGet(filter, key) === 'true';
        if (wanted && has(port.info, capability, 'listChanged'))
          honoured.push([key, 'true' as RawJson]);
      }
      const uris: string[] = [];
      const wantedUris = rawGet(filter, 'resourceSubscriptions');
      if (wantedUris !== undefined && has(port.info, 'resources', 'subscribe')) {
        const unique = new Map<string, RawJson>();
        for (const raw of rawItems(wantedUris) ?? []) {
          const uri = rawAsString(raw);
          if (uri !== undefined && unique.size < MAX_URIS) unique.set(uri, raw);
        }
        const settled = await Promise.allSettled(
          [...unique].map(async ([uri, raw]) => ({
            uri,
            taken: await subscribe(raw, uri, signal),
          })),
        );
        for (const one of settled)
          if (one.status === 'fulfilled' && one.value.taken) uris.push(one.value.uri);
        honoured.push([
          'resourceSubscriptions',
          rawArray(uris.map((uri) => unique.get(uri) ?? ('""' as RawJson))),
        ]);
      }
      listeners++;
      let open = true;
      const close = (): void => {
        if (!open) return;
        open = false;
        listeners--;
        signal.removeEventListener('abort', close);
        for (const uri of uris) release(uri);
      };
      if (signal.aborted) {
        close();
        throw cancelled();
      }
      signal.addEventListener('abort', close, { once: true });
      return { acknowledged: rawObject(honoured), close };
    },
    restore() {
      for (const { raw } of held.values()) {
        port.call('resources/subscribe', rawObject([['uri', raw]]), undefined).catch(() => {});
      }
    },
    count: () => listeners,
  };
}

function has(info: UpstreamInfo, capability: string, flag: string): boolean {
  const entry = rawGet(info.capabilities, capability);
  return entry !== undefined && rawGet(entry, flag) === 'true';
}
