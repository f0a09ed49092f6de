import type { Clock, Timer } from '../../kernel/index.ts';

/**
 * One timer for two limits of a call: silence (`idleMs`, starts again with every `touch`) and total time (`capMs`).
 * `touch` only notes the time; the timer looks at it when it fires, so a flood of progress costs nothing.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #capAt: number;
  readonly #onExpire: (ms: number) => void;
  readonly #capMs: number;
  #aliveAt: number;
  #holds = 0;
  #timer: Timer | undefined;

  /** `onExpire` gets the limit that was exceeded, in milliseconds. It runs at most once. */
  constructor(clock: Clock, idleMs: number, capMs: number, onExpire: (ms: number) => void) {
    const now = clock.monotonic();
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#capMs = capMs;
    this.#capAt = now + capMs;
    this.#aliveAt = now;
    this.#onExpire = onExpire;
    this.#arm(Math.min(idleMs, capMs));
  }

  /** The server showed signs of life. */
  touch(): void {
    this.#aliveAt = this.#clock.monotonic();
  }

  /** Silence does not count while the server waits for the client; the total still does. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    this.#holds = Math.max(0, this.#holds - 1);
    this.touch();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#fired(), ms);
  }

  #fired(): void {
    const now = this.#clock.monotonic();
    const capLeft = this.#capAt - now;
    const idleLeft = this.#holds > 0 ? this.#idleMs : this.#aliveAt + this.#idleMs - now;
    // Timers may fire a fraction early against the monotonic clock; a millisecond is not worth another round.
    if (capLeft <= 1) {
      this.#onExpire(this.#capMs);
      return;
    }
    if (idleLeft <= 1) {
      this.#onExpire(this.#idleMs);
      return;
    }
    this.#arm(Math.min(capLeft, idleLeft));
  }
}
