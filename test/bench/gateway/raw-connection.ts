import { connect, type Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';

/** One keep-alive connection that has one request open at a time. Reads what servers of this bench send: a length, or
 *  chunks (an event stream that ends with its answer). */
export interface RawConnection {
  /** Sends a whole request as text and resolves with the whole response as text. */
  exchange(request: string): Promise<string>;
  close(): void;
}

export function openConnection(port: number): RawConnection {
  let socket: Socket | undefined;
  let received = '';
  let waiting: { done: (text: string) => void; failed: (error: Error) => void } | undefined;

  const whole = (): boolean => {
    const head = received.indexOf(HEAD_END);
    if (head < 0) return false;
    const length = /\r\ncontent-length: *(\d+)/i.exec(received.slice(0, head));
    if (length) return received.length >= head + HEAD_END.length + Number(length[1]);
    return received.endsWith('\r\n0\r\n\r\n');
  };
  const open = (): Socket => {
    const fresh = connect({ port, host: '127.0.0.1', noDelay: true });
    fresh.setEncoding('latin1');
    fresh.on('data', (text: unknown) => {
      received += text as string;
      if (!waiting || !whole()) return;
      const text_ = received;
      const { done } = waiting;
      received = '';
      waiting = undefined;
      done(text_);
    });
    const lost = (error?: Error): void => {
      if (socket === fresh) socket = undefined;
      waiting?.failed(error ?? new Error('the connection was closed'));
      waiting = undefined;
    };
    fresh.on('error', lost);
    fresh.on('close', () => lost());
    return fresh;
  };
  return {
    exchange(request) {
      return new Promise((done, failed) => {
        waiting = { done, failed };
        socket ??= open();
        socket.write(request, 'latin1');
      });
    },
    close() {
      socket?.destroy();
    },
  };
}
