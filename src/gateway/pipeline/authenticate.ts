import type {
  AuthenticationRefusal,
  Authenticator,
  PresentedCredential,
  Principal,
} from '../../identity/index.ts';

/** A step of the ADMISSION list: refuses, or passes the principal on. */
export interface AdmissionStep {
  readonly name: string;
  run(
    credential: PresentedCredential,
    principal: Principal | undefined,
    authenticator: Authenticator,
  ): Principal | AuthenticationRefusal | Promise<Principal | AuthenticationRefusal>;
}

/** Who is calling. Nothing unauthenticated gets past here. */
export const authenticate: AdmissionStep = {
  name: 'authenticate',
  run: (credential, _principal, authenticator) => authenticator.authenticate(credential),
};

/** The same mark that is checked again for every action, here for every HTTP request. */
export const admitUnrevoked: AdmissionStep = {
  name: 'check-revocation',
  run(_credential, principal, authenticator) {
    if (principal === undefined) return { refused: true, reason: 'missing' };
    const reason = authenticator.revoked(principal);
    return reason === undefined
      ? principal
      : { refused: true, error: 'invalid_token', reason: 'revoked' };
  },
};
