import type { Dispatcher } from 'undici';
import {
  answerChallenge,
  type Credentialed,
  credentialsOf,
  isRefusal,
  MAX_CREDENTIAL_RETRIES,
  noteNonce,
} from './credentials.ts';
import type { HttpTarget } from './http-target.ts';

const CONTROL_TIMEOUT_MS = 10_000;

/**
 * Sends what needs no answer: notifications, answers to the server, the DELETE of a session. Resolves with the HTTP
 * status, or undefined when it did not get through within 10 s. The body of the response is thrown away. Never rejects.
 */
export function sendControl(
  target: HttpTarget,
  method: 'POST' | 'DELETE',
  headers: string[],
  body: string | null,
): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  let controller: Dispatcher.DispatchController | undefined;
  let done = false;
  const finish = (status: number | undefined): void => {
    if (done) return;
    done = true;
    timer.cancel();
    resolve(status);
  };
  const timer = target.deps.clock.setTimeout(() => {
    finish(undefined);
    controller?.abort(new Error('timed out'));
  }, CONTROL_TIMEOUT_MS);
  let stamp: number | undefined;
  let retries = 0;

  const dispatch = (given: Credentialed): void => {
    if (done) return;
    if (given !== undefined && isRefusal(given)) {
      finish(401);
      return;
    }
    stamp = given?.stamp;
    const all = given === undefined ? headers : [...headers, ...given.headers];
    target.pool('control').dispatch({ path: target.path, method, headers: all, body }, handler());
  };
  const send = (): void => {
    const given = credentialsOf(target, method);
    if (given instanceof Promise) void given.then(dispatch);
    else dispatch(given);
  };
  const handler = (): Dispatcher.DispatchHandler => {
    // Its answer was a challenge: what else becomes of this response concerns nobody.
    let challenged = false;
    return {
      onRequestStart(started) {
        controller = started;
        if (done) started.abort(new Error('timed out'));
      },
      onResponseStart(started, status, received) {
        if (status < 200) return;
        noteNonce(target, received);
        const challenge =
          retries < MAX_CREDENTIAL_RETRIES
            ? answerChallenge(target, status, received, stamp)
            : undefined;
        if (challenge === undefined) {
          finish(status);
        } else {
          retries++;
          challenged = true;
          void challenge.then((answer) => (answer === 'retry' ? send() : finish(status)));
        }
        // 202 has no body. Whoever streams one gets the socket closed instead of a reader.
        if (status !== 202 && status !== 204) started.abort(new Error('not read'));
      },
      onResponseData: () => {},
      onResponseEnd: () => {
        if (!challenged) finish(undefined);
      },
      onResponseError: () => {
        if (!challenged) finish(undefined);
      },
    };
  };
  send();
  return promise;
}
