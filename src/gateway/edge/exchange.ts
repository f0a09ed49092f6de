import type { Principal } from '../../identity/index.ts';
import { AppError } from '../../kernel/index.ts';
import type { ClientFacts, Downstream, Endpoint, PeerAnswer, RawJson } from '../model.ts';
import { encodeNotification, encodeResult } from '../wire/message.ts';
import { rawObject } from '../wire/raw-json.ts';
import type { AskBook } from './ask-book.ts';
import type { Outlet } from './outlet.ts';
import type { Open, PrincipalState } from './principal-book.ts';
import type { SessionRecord } from './session-record.ts';

export interface ExchangeOptions {
  readonly id: RawJson;
  readonly principal: Principal;
  readonly state: PrincipalState;
  readonly client: ClientFacts;
  readonly endpoint: Endpoint;
  readonly transport: 'http' | 'sse';
  readonly session: SessionRecord | undefined;
  readonly outlet: Outlet;
  readonly asks: AskBook;
  /** A subscription: it has no end of its own, so it ends with the token. */
  readonly listen?: boolean;
}

/** One open request of a client. The signal is made when somebody looks at it: a cached answer never pays for it. */
export class Exchange implements Downstream, Open {
  readonly id: RawJson;
  readonly principal: Principal;
  readonly state: PrincipalState;
  readonly client: ClientFacts;
  readonly endpoint: Endpoint;
  readonly transport: 'http' | 'sse';
  readonly session: SessionRecord | undefined;
  readonly outlet: Outlet;
  seat = -1;
  /** Set once an answer was given or will never be. */
  done = false;
  private readonly asks: AskBook;
  private readonly listen: boolean;
  private controller: AbortController | undefined;
  private aborted: AppError | undefined;

  constructor(options: ExchangeOptions) {
    this.id = options.id;
    this.principal = options.principal;
    this.state = options.state;
    this.client = options.client;
    this.endpoint = options.endpoint;
    this.transport = options.transport;
    this.session = options.session;
    this.outlet = options.outlet;
    this.asks = options.asks;
    this.listen = options.listen ?? false;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.aborted !== undefined) this.controller.abort(this.aborted);
    }
    return this.controller.signal;
  }

  get cancelled(): boolean {
    return this.aborted !== undefined;
  }

  get ask(): Downstream['ask'] {
    const { session, outlet } = this;
    if (session === undefined || !outlet.canStream) return undefined;
    return (method, params, signal): Promise<PeerAnswer> => {
      const either = AbortSignal.any([this.signal, signal]);
      if (this.done) return Promise.reject(new AppError('GW_CANCELLED'));
      return this.asks.ask(session, outlet, method, params, either);
    };
  }

  notify(method: string, params: RawJson | undefined): void {
    if (!this.done) this.outlet.send(encodeNotification(method, params));
  }

  abort(why: string): void {
    if (this.done || this.aborted !== undefined) return;
    this.aborted = new AppError('GW_CANCELLED', { meta: { why } });
    this.controller?.abort(this.aborted);
  }

  tick(now: number, wall: number): void {
    if (this.done) return;
    if (this.listen && wall >= this.principal.credential.expiresAt)
      this.abort('the token has expired');
    this.outlet.tick(now);
  }

  cut(reason: 'revoked' | 'shutdown'): void {
    this.abort(reason);
    if (this.done) return;
    this.done = true;
    if (this.listen && reason === 'revoked') {
      // An abrupt end would ask the client to reconnect (2026-07-28, subscriptions).
      const params = rawObject([['requestId', this.id]]);
      this.outlet.send(encodeNotification('notifications/cancelled', params));
      this.outlet.finish(encodeResult(this.id, '{"resultType":"complete"}' as RawJson), 200);
    } else this.outlet.destroy();
  }
}
