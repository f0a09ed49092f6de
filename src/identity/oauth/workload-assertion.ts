import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { AppError, type Clock, HOUR_MS, SECOND_MS } from '../../kernel/index.ts';
import type { Agent } from '../model.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { unusable } from '../registry/transitions.ts';
import { MAX_TOKEN_LENGTH } from '../tokens/jws.ts';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** Tokens of platforms live an hour, a day at most; longer ones are no proof of a running workload. */
const MAX_LIFE_MS = 24 * HOUR_MS;
const SKEW_SECONDS = 30;
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;
const MAX_ISSUERS = 64;
const MAX_SUBJECTS = 1000;
const MAX_KEYS = 64;

/** One platform whose tokens are accepted instead of a key: a Kubernetes cluster, a SPIFFE trust domain, a cloud. */
export interface WorkloadIssuer {
  /** Exactly the `iss` of its tokens. */
  readonly issuer: string;
  /** What `aud` must be or contain; our issuer when absent. */
  readonly audience?: string;
  /** Its public keys (RFC 7517). */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** The first subject that matches names the agent. */
  readonly subjects: readonly {
    /** Exactly the `sub`, or with `*` for any run of characters other than `/` and `:`. */
    readonly subject: string;
    /** Name of the registered agent. */
    readonly agent: string;
    /** Further claims that must be exactly so. */
    readonly claims?: Readonly<Record<string, string>>;
  }[];
}

export type WorkloadOutcome =
  | { readonly ok: true; readonly agent: Agent }
  | { readonly ok: false; readonly reason: string };

export interface WorkloadAssertions {
  /**
   * The agent that a platform's JWT stands for (RFC 7523 section 3). Never throws. Such a token may come again until it
   * expires: platforms hand out one per hour, and it lies in a file.
   */
  verify(assertion: string): Promise<WorkloadOutcome>;
}

export interface WorkloadAssertionsDeps {
  readonly issuers: readonly WorkloadIssuer[];
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly ourIssuer: string;
}

/**
 * Trust is exact issuer + audience + subject (+ claims). Keys are given, never fetched: a `jku`, `x5u` or `jwk` in a header
 * is ignored, and symmetric algorithms are not accepted.
 * @throws AppError `IDENTITY_INVALID` for an issuer that names no keys, or repeats another.
 */
export function createWorkloadAssertions(deps: WorkloadAssertionsDeps): WorkloadAssertions {
  const { registry, clock, ourIssuer } = deps;
  const trusted = new Map<string, Trusted>();
  if (deps.issuers.length > MAX_ISSUERS) throw invalid(`at most ${MAX_ISSUERS} are possible`);
  for (const issuer of deps.issuers) {
    if (trusted.has(issuer.issuer)) throw invalid('an issuer comes twice');
    trusted.set(issuer.issuer, prepare(issuer));
  }

  return {
    async verify(assertion) {
      const refuse = (reason: string): WorkloadOutcome => ({ ok: false, reason });
      if (trusted.size === 0) return refuse('no_issuers');
      if (assertion.length > MAX_TOKEN_LENGTH) return refuse('malformed');
      const claimed = readIssuer(assertion);
      const from = claimed === undefined ? undefined : trusted.get(claimed);
      if (claimed === undefined || from === undefined) return refuse('unknown_issuer');
      let claims: JWTPayload;
      try {
        ({ payload: claims } = await jwtVerify(assertion, from.keys, {
          issuer: claimed,
          audience: from.issuer.audience ?? ourIssuer,
          algorithms: [...ALGORITHMS],
          clockTolerance: SKEW_SECONDS,
          currentDate: new Date(clock.now()),
          requiredClaims: ['exp', 'sub'],
        }));
      } catch (error) {
        return refuse(codeOf(error));
      }
      const { sub, exp, iat } = claims;
      if (typeof sub !== 'string' || typeof exp !== 'number') return refuse('bad_claims');
      if (exp * SECOND_MS - (iat ?? exp) * SECOND_MS > MAX_LIFE_MS) return refuse('lives_too_long');
      if (exp * SECOND_MS > clock.now() + MAX_LIFE_MS) return refuse('lives_too_long');
      if (iat !== undefined && iat * SECOND_MS > clock.now() + SKEW_SECONDS * SECOND_MS)
        return refuse('from_future');
      const subject = from.subjects.find(
        (one) =>
          matchesSubject(one.parts, sub) &&
          one.claims.every(
            ([name, value]) => Object.hasOwn(claims, name) && claims[name] === value,
          ),
      );
      if (subject === undefined) return refuse('unknown_subject');
      const agent = registry.byName(subject.agent);
      if (agent === undefined || agent.kind !== undefined) return refuse('unknown_agent');
      const problem = unusable(agent, clock.now());
      return problem === undefined ? { ok: true, agent } : refuse(problem);
    },
  };
}

interface Trusted {
  readonly issuer: WorkloadIssuer;
  readonly keys: ReturnType<typeof createLocalJWKSet>;
  readonly subjects: readonly {
    readonly parts: readonly string[];
    readonly agent: string;
    readonly claims: readonly (readonly [string, string])[];
  }[];
}

function prepare(issuer: WorkloadIssuer): Trusted {
  const { keys } = issuer.jwks;
  if (issuer.issuer === '' || keys.length === 0 || keys.length > MAX_KEYS)
    throw invalid(`each needs a name and 1 to ${MAX_KEYS} keys`);
  if (keys.some((key) => key['kty'] === 'oct' || Object.hasOwn(key, 'd')))
    throw invalid('a key set holds public keys only');
  if (issuer.subjects.length > MAX_SUBJECTS)
    throw invalid(`at most ${MAX_SUBJECTS} subjects are possible`);
  return {
    issuer,
    keys: createLocalJWKSet({ keys: keys.map((key) => ({ ...key })) } as JSONWebKeySet),
    subjects: issuer.subjects.map(({ subject, agent, claims = {} }) => {
      // A bare wildcard would make every workload of the platform this agent.
      if (subject.replaceAll('*', '') === '' || subject.length > 512)
        throw invalid('a subject is not only a wildcard');
      return { parts: subject.split('*'), agent, claims: Object.entries(claims) };
    }),
  };
}

/** Moves forward only: each literal part is looked for once, and nothing between them holds `/` or `:`. */
function matchesSubject(parts: readonly string[], subject: string): boolean {
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return subject === first;
  if (subject.length > 1024 || !subject.startsWith(first)) return false;
  let from = first.length;
  for (const [index, part] of rest.entries()) {
    const last = index === rest.length - 1;
    const at = last ? subject.length - part.length : subject.indexOf(part, from);
    if (at < from || (last && !subject.endsWith(part))) return false;
    if (/[/:]/.test(subject.slice(from, at))) return false;
    from = at + part.length;
  }
  return true;
}

/** `iss` before anything is verified, only to pick the keys. */
function readIssuer(assertion: string): string | undefined {
  try {
    const body = Buffer.from(assertion.split('.', 2)[1] ?? '', 'base64url').toString('utf8');
    const claims: unknown = JSON.parse(body);
    const iss =
      typeof claims === 'object' && claims !== null
        ? (claims as Record<string, unknown>)['iss']
        : undefined;
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}

/** jose's stable code; its message could quote the token. */
function codeOf(error: unknown): string {
  const code =
    typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code.toLowerCase() : 'bad_signature';
}

function invalid(problem: string): AppError {
  return new AppError('IDENTITY_INVALID', { params: { field: 'workload issuers', problem } });
}
