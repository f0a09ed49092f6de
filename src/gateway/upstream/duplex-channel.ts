import type { LineHandler } from './line-framer.ts';

export interface ChannelEnd {
  /** In our words, fit for an error message. */
  readonly problem: string;
  /** True when nobody here asked for it. */
  readonly unexpected: boolean;
}

export interface ChannelHandler extends LineHandler {
  onEnd(end: ChannelEnd): void;
}

/** One pipe on which messages of both directions and all requests are mixed: stdio, or the HTTP+SSE transport. */
export interface DuplexChannel {
  /** Starts delivery. Called once, before anything is sent. */
  open(handler: ChannelHandler): void;
  send(text: string): void;
  /** The server doesn't read what was sent; hold further calls back. */
  saturated(): boolean;
  /** Ends the channel; `onEnd` follows. Safe to call twice. */
  close(): void;
  /** Resolves when all resources are gone. */
  closed(): Promise<void>;
}
