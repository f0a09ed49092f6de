import { hash } from 'node:crypto';
import { err, ok, type Result } from '../../kernel/index.ts';
import type { ClientFacts, RawJson, Revision } from '../model.ts';
import type { Envelope } from '../wire/envelope.ts';
import { rawAsString, rawKind, rawMembers } from '../wire/raw-json.ts';
import { eraOf, isRevision, LATEST_LEGACY } from '../wire/revisions.ts';

/** 96 bits of SHA-256 over the capabilities as they came; another spelling only costs a pool entry. */
export type Digest = (capabilities: RawJson) => string;

/** Remembers recent digests: a client declares the same capabilities with every modern request. */
export function createDigest(maxEntries = 512): Digest {
  const known = new Map<string, string>();
  return (capabilities) => {
    const cached = known.get(capabilities);
    if (cached !== undefined) return cached;
    const digest = hash('sha256', capabilities, 'base64url').slice(0, 16);
    if (capabilities.length <= 4096) {
      if (known.size >= maxEntries) known.clear();
      known.set(capabilities, digest);
    }
    return digest;
  };
}

export function modernFacts(envelope: Envelope, revision: Revision, digest: Digest): ClientFacts {
  const { capabilities, info, logLevel } = envelope;
  return {
    era: 'modern',
    revision,
    capabilities,
    capabilitiesDigest: digest(capabilities),
    info,
    logLevel,
  };
}

/**
 * Facts of an `initialize`. An unknown revision (or a modern one, which has no `initialize`) is counter-offered the
 * latest legacy revision. The error is a -32602 problem.
 */
export function initializeFacts(
  params: RawJson | undefined,
  digest: Digest,
): Result<ClientFacts, string> {
  const members = params === undefined ? undefined : rawMembers(params);
  const rawVersion = members?.get('protocolVersion');
  const version = rawVersion === undefined ? undefined : rawAsString(rawVersion);
  if (version === undefined) return err('initialize needs params.protocolVersion');
  const capabilities = members?.get('capabilities') ?? ('{}' as RawJson);
  if (rawKind(capabilities) !== 'object') return err('params.capabilities must be an object');
  const info = members?.get('clientInfo');
  if (info !== undefined && rawKind(info) !== 'object')
    return err('params.clientInfo must be an object');
  const revision = isRevision(version) && eraOf(version) === 'legacy' ? version : LATEST_LEGACY;
  return ok({
    era: 'legacy',
    revision,
    capabilities,
    capabilitiesDigest: digest(capabilities),
    info,
    logLevel: undefined,
  });
}
