import type { ClientFacts, RawJson } from '../model.ts';

/** The agent id under which the gateway itself reads lists. Not a registered agent: it can't call tools. */
export const SYSTEM_AGENT = 'sallyport';

/** How the gateway introduces itself when it reads lists on nobody's behalf. */
export function systemClient(version: string): ClientFacts {
  return {
    era: 'modern',
    revision: '2026-07-28',
    capabilities: '{}' as RawJson,
    capabilitiesDigest: 'system',
    info: JSON.stringify({ name: 'sallyport', version }) as RawJson,
    logLevel: undefined,
  };
}
