import type { Dispatcher } from 'undici';
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
  target.pool('control').dispatch(
    { path: target.path, method, headers, body },
    {
      onRequestStart(started) {
        controller = started;
        if (done) started.abort(new Error('timed out'));
      },
      onResponseStart(started, status) {
        if (status < 200) return;
        finish(status);
        // 202 has no body. Whoever streams one gets the socket closed instead of a reader.
        if (status !== 202 && status !== 204) started.abort(new Error('not read'));
      },
      onResponseData: () => {},
      onResponseEnd: () => finish(undefined),
      onResponseError: () => finish(undefined),
    },
  );
  return promise;
}
