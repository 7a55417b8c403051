import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Lets so many in at a time, in the order in which they came. Whoever stays longer than `longestMs` does not count any
 * more: a server that sends a mail byte by byte keeps nobody else from theirs.
 */
export class Turnstile {
  readonly #longestMs: number;
  readonly #waiting: (() => void)[] = [];
  #places: number;

  constructor(places: number, longestMs: number) {
    this.#places = places;
    this.#longestMs = longestMs;
  }

  /**
   * Resolves with the way out once there is a place. `stillHere` is called every `everyMs` while there is none; when it
   * fails, so does this.
   */
  async enter(stillHere: () => Promise<void>, everyMs: number): Promise<() => void> {
    if (this.#places > 0) {
      this.#places -= 1;
      return this.#wayOut();
    }
    const { promise, resolve } = Promise.withResolvers<'in'>();
    const turn = () => resolve('in');
    this.#waiting.push(turn);
    try {
      for (;;) {
        const ticking = new AbortController();
        const tick = sleep(everyMs, 'waits', { signal: ticking.signal }).catch(() => 'waits');
        const state = await Promise.race([promise, tick]);
        ticking.abort();
        if (state === 'in') return this.#wayOut();
        await stillHere();
      }
    } catch (error) {
      const at = this.#waiting.indexOf(turn);
      if (at >= 0) this.#waiting.splice(at, 1);
      // Its turn came at the last moment.
      else this.#free();
      throw error;
    }
  }

  #wayOut(): () => void {
    let inside = true;
    const leave = () => {
      clearTimeout(timer);
      if (!inside) return;
      inside = false;
      this.#free();
    };
    const timer = setTimeout(leave, this.#longestMs);
    timer.unref();
    return leave;
  }

  #free(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#places += 1;
  }
}
