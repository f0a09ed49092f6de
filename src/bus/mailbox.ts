import { type BusHandler, type BusMessage, MAX_WAITING_BYTES } from './bus.ts';

/** Handler calls in one turn of the event loop; then others get theirs. */
const BATCH = 64;

export interface Mailbox {
  /** False when it was full and the message was dropped. */
  offer(message: BusMessage): boolean;
  close(): void;
  dropped(): number;
}

export interface MailboxEvents {
  readonly delivered: () => void;
  readonly failed: (error: unknown) => void;
}

/** The bounded queue of one subscription: hands over one message at a time, never in the publisher's turn. */
export function createMailbox(
  handler: BusHandler,
  capacity: number,
  events: MailboxEvents,
): Mailbox {
  let waiting: BusMessage[] = [];
  let head = 0;
  let bytes = 0;
  let dropped = 0;
  let running = false;
  let closed = false;

  const take = (): BusMessage | undefined => {
    const message = waiting[head];
    if (message === undefined) return undefined;
    head++;
    bytes -= message.payload.byteLength;
    if (head * 2 >= waiting.length) {
      waiting = waiting.slice(head);
      head = 0;
    }
    return message;
  };
  const pump = async (): Promise<void> => {
    for (let inTurn = 0; !closed; inTurn++) {
      if (inTurn === BATCH) {
        inTurn = 0;
        await new Promise(setImmediate);
        if (closed) break;
      }
      const message = take();
      if (message === undefined) break;
      events.delivered();
      try {
        await handler(message);
      } catch (error) {
        events.failed(error);
      }
    }
    running = false;
  };
  return {
    offer(message) {
      if (closed) return true;
      const size = message.payload.byteLength;
      if (waiting.length - head >= capacity || bytes + size > MAX_WAITING_BYTES) {
        dropped++;
        return false;
      }
      waiting.push(message);
      bytes += size;
      if (!running) {
        running = true;
        setImmediate(() => void pump());
      }
      return true;
    },
    close() {
      closed = true;
      waiting = [];
      head = 0;
    },
    dropped: () => dropped,
  };
}
