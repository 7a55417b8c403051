/** Longest back-off of a grant, in ms. */
const CAP_MS = 10 * 60_000;

/**
 * Exponential back-off with full jitter: a random wait, so that a thousand grants whose server restarts do not come
 * back in the same second. The first wait is at most `base` ms, and doubles; a sync that succeeded, or that stored mail
 * before it broke, begins anew.
 */
export function backoff(failures: number, base: number, random: () => number = Math.random): number {
  return random() * Math.min(CAP_MS, base * 2 ** Math.min(failures, 20));
}

/** New sessions with one host, per second; the rest wait their turn. */
const CONNECTS_PER_SECOND = 20;

/** Spaces out the sessions that are opened with each host. */
export class HostLimiter {
  readonly #next = new Map<string, number>();

  /** Waits until this host may be dialled again. */
  async turn(host: string, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#next.get(host) ?? 0);
    this.#next.set(host, at + 1000 / CONNECTS_PER_SECOND);
    if (this.#next.size > 1_000) this.#forget(now);
    if (at <= now) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      }, at - now);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #forget(now: number): void {
    for (const [host, at] of this.#next) if (at < now) this.#next.delete(host);
  }
}
