import type { Outlet } from './outlet.ts';

/**
 * The requests of one 2025-03-26 batch share one POST: their answers come as one array, or one by one once the POST has
 * become a stream.
 */
export function createBatchOutlet(post: Outlet, expected: number): () => Outlet {
  const answers: string[] = [];
  let streaming = false;
  let left = expected;
  const settle = (json: string | undefined): void => {
    left--;
    if (json !== undefined && streaming && left > 0) post.send(json);
    else if (json !== undefined) answers.push(json);
    if (left > 0) return;
    if (answers.length === 0) post.abandon();
    else if (streaming)
      post.finish(answers.length === 1 ? (answers[0] ?? '') : `[${answers.join(',')}]`, 200);
    else post.finish(`[${answers.join(',')}]`, 200);
  };
  return () => {
    let settled = false;
    const once = (json: string | undefined): void => {
      if (settled) return;
      settled = true;
      settle(json);
    };
    return {
      canStream: post.canStream,
      send(json) {
        if (settled || !post.canStream) return;
        streaming = true;
        post.send(json);
      },
      finish: (json) => once(json),
      abandon: () => once(undefined),
      tick: (now) => post.tick(now),
      destroy() {
        settled = true;
        post.destroy();
      },
    };
  };
}
