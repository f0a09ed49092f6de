import { once } from 'node:events';
import { findGateway } from './find-gateway.ts';
import { createGatewayCall } from './gateway-call.ts';
import { createHttpSend } from './http-request.ts';
import { readMessageFacts } from './message-facts.ts';
import { readShimOptions, SHIM_HELP } from './options.ts';
import { ShimError, type StdioPorts } from './ports.ts';
import { type InputLine, readInputLines } from './read-lines.ts';
import { createRelay, MAX_MESSAGE_BYTES, type Relay } from './relay.ts';
import { shimError } from './replies.ts';
import { createTokens } from './tokens.ts';

const GRACE_MS = 10_000;

/**
 * `sallyport stdio`: MCP on standard input and output, passed to the gateway as an agent. Standard output carries
 * protocol only. Ends when the input ends or on a signal; the exit code.
 */
export async function runShim(argv: readonly string[], ports: StdioPorts): Promise<number> {
  const { stdin, stdout, stderr, clock, interrupted } = ports;
  const note = (text: string): void => void stderr.write(`sallyport stdio: ${text}\n`);
  const write = async (line: string): Promise<void> => {
    if (!stdout.write(`${line}\n`)) await once(stdout, 'drain').catch(() => undefined);
  };
  let relay: Relay;
  const send = createHttpSend();
  try {
    const options = readShimOptions(argv);
    if (options === 'help') {
      stderr.write(SHIM_HELP);
      return 0;
    }
    const place = { ...findGateway(options, ports) };
    const relocate = (): void => {
      try {
        Object.assign(place, findGateway(options, ports));
      } catch {
        // What was known before is tried again.
      }
    };
    const tokens = createTokens(place, send, clock);
    relay = createRelay({
      call: createGatewayCall(place, send, tokens, clock, relocate),
      clock,
      write,
      note,
    });
  } catch (error) {
    if (!(error instanceof ShimError)) throw error;
    note(error.message);
    // The client shows its user what it gets as an answer, and hides stderr.
    if (error.exit !== 2) await answerAll(stdin, interrupted, error, write);
    return error.exit;
  }
  const input = readInputLines(stdin as AsyncIterable<Buffer>, MAX_MESSAGE_BYTES);
  const stopped = new Promise<'stopped'>((resolve) => {
    if (interrupted.aborted) resolve('stopped');
    else interrupted.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
  for (;;) {
    const next = await Promise.race([input.next(), stopped]);
    if (next === 'stopped' || next.done === true) break;
    relay.take(next.value);
  }
  await relay.finish(interrupted.aborted ? 0 : GRACE_MS);
  send.close();
  return 0;
}

/** Answers the first request with the reason why nothing works, then ends. */
async function answerAll(
  stdin: NodeJS.ReadableStream,
  interrupted: AbortSignal,
  error: ShimError,
  write: (line: string) => Promise<void>,
): Promise<void> {
  const lines = readInputLines(stdin as AsyncIterable<Buffer>, MAX_MESSAGE_BYTES);
  const stopped = new Promise<undefined>((resolve) => {
    interrupted.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  for (;;) {
    const next: IteratorResult<InputLine, void> | undefined = await Promise.race([
      lines.next(),
      stopped,
    ]);
    if (next === undefined || next.done === true || next.value === undefined) return;
    const ids = readMessageFacts(next.value)?.ids ?? [];
    for (const id of ids) await write(shimError(id, error.message, 'no_token'));
    if (ids.length > 0) return;
  }
}
