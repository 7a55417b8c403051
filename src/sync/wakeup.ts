/** A bell: `notify` ends the current wait, or the next one if nobody waits. */
export class Wakeup {
  #rung = false;
  #ring: (() => void) | null = null;

  notify(): void {
    this.#rung = true;
    this.#ring?.();
  }

  /** Waits for the bell, for `ms` at most (null: for ever); throws when the signal aborts. */
  async wait(ms: number | null, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = ms === null ? undefined : setTimeout(resolve, ms);
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        this.#ring = done;
        signal.addEventListener('abort', done, { once: true });
      });
      this.#ring = null;
    }
    this.#rung = false;
    signal.throwIfAborted();
  }
}
