import type { ClientFacts, RawJson } from '../model.ts';
import { rawObject, rawString } from '../wire/raw-json.ts';

/** What the gateway says of itself when it speaks for nobody in particular (probes, shared processes). */
export const OWN_CLIENT: ClientFacts = {
  era: 'modern',
  revision: '2026-07-28',
  capabilities: '{}' as RawJson,
  capabilitiesDigest: '',
  info: rawObject([
    ['name', rawString('sallyport')],
    ['version', rawString('0.1.0')],
  ]),
  logLevel: undefined,
};
