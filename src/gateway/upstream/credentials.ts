import type { AppError } from '../../kernel/index.ts';
import type { HttpTarget } from './http-target.ts';
import { unauthorized, unavailable } from './upstream-errors.ts';

export type CredentialVerb = 'POST' | 'GET' | 'DELETE';

export interface AddedHeaders {
  /** Flat name, value list, for exactly one request. Holds secrets. */
  readonly headers: readonly string[];
  /** Tells `challenged` which credentials the server did not take. */
  readonly stamp: number;
}

/** `login`: a person has to authorize first. `problem` is in our words and holds nothing a server sent. */
export interface CredentialRefusal {
  readonly refused: 'login' | 'failed';
  readonly problem: string;
}

export type Credentialed = AddedHeaders | CredentialRefusal | undefined;

/** A 401 or 403 of a server, which precede execution. */
export interface CredentialChallenge {
  readonly server: string;
  readonly status: number;
  readonly wwwAuthenticate: string | undefined;
  readonly dpopNonce: string | undefined;
  /** Of the headers that were sent; undefined: the request had none. */
  readonly stamp: number | undefined;
}

/** The gateway's own credentials towards servers (OAuth client); never anything a caller presented. */
export interface UpstreamCredentials {
  /**
   * What one request carries; synchronous when a token is at hand. `url` is the endpoint without query and fragment.
   * Undefined: nothing, the server is asked as it is. Never rejects.
   */
  headersFor(
    server: string,
    verb: CredentialVerb,
    url: string,
  ): Credentialed | Promise<Credentialed>;
  /** `retry`: other headers can be had now. Undefined: no matter of credentials. Never rejects. */
  challenged(challenge: CredentialChallenge): Promise<'retry' | CredentialRefusal | undefined>;
  /** A server gave the nonce for the next proofs along with an answer (RFC 9449 section 8.2). */
  nonceGiven(server: string, nonce: string): void;
}

/** Times one request is sent anew with other credentials: a nonce, a refresh, and no more. */
export const MAX_CREDENTIAL_RETRIES = 3;

export function isRefusal(given: Exclude<Credentialed, undefined>): given is CredentialRefusal {
  return 'refused' in given;
}

export function refusalFault(server: string, refusal: CredentialRefusal): AppError {
  return refusal.refused === 'login'
    ? unauthorized(server, refusal.problem)
    : unavailable(server, refusal.problem);
}

/** What `headersFor` says for a request of this target. */
export function credentialsOf(
  target: HttpTarget,
  verb: CredentialVerb,
): Credentialed | Promise<Credentialed> {
  return target.credentials?.headersFor(target.server, verb, target.endpointUrl);
}

type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Answers a 401 or 403; undefined when the target has no credentials of ours or the status is another. */
export function answerChallenge(
  target: HttpTarget,
  status: number,
  headers: ResponseHeaders,
  stamp: number | undefined,
): Promise<'retry' | CredentialRefusal | undefined> | undefined {
  if ((status !== 401 && status !== 403) || target.credentials === undefined) return undefined;
  return target.credentials.challenged({
    server: target.server,
    status,
    wwwAuthenticate: joined(headers['www-authenticate']),
    dpopNonce: nonceOf(headers),
    stamp,
  });
}

export function noteNonce(target: HttpTarget, headers: ResponseHeaders): void {
  if (headers['dpop-nonce'] === undefined || target.credentials === undefined) return;
  const nonce = nonceOf(headers);
  if (nonce !== undefined) target.credentials.nonceGiven(target.server, nonce);
}

/** RFC 9449 section 8.1: NQCHAR. More than one is nobody's nonce. */
function nonceOf(headers: ResponseHeaders): string | undefined {
  const value = headers['dpop-nonce'];
  return typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/.test(value)
    ? value
    : undefined;
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
