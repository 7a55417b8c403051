import { ApiError } from '../platform/errors.ts';

/** Buckets beyond this many are forgotten when full again; a forgotten bucket is a full one. */
const SWEEP_AT = 10_000;

/** Token buckets, one per key, in the memory of this process (contract 1.6). */
export class RateLimit {
  readonly #burst: number;
  readonly #perMs: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** Allows `count` calls per `seconds`, all of them at once if need be. */
  constructor(count: number, seconds: number, now: () => number = () => performance.now()) {
    this.#burst = count;
    this.#perMs = count / (seconds * 1000);
    this.#now = now;
  }

  /** Takes a token, or throws a 429 that says when to come again. */
  take(key: string): void {
    const now = this.#now();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    const tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.at) * this.#perMs);
    if (tokens < 1) {
      this.#buckets.set(key, { tokens, at: now });
      throw new ApiError('api.rate_limit_error', 'Too many requests of this kind. Try again later.', {
        retryAfterSeconds: Math.max(1, Math.ceil((1 - tokens) / this.#perMs / 1000)),
      });
    }
    this.#buckets.set(key, { tokens: tokens - 1, at: now });
    if (this.#buckets.size > SWEEP_AT) this.#sweep(now);
  }

  #sweep(now: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (bucket.tokens + (now - bucket.at) * this.#perMs >= this.#burst) this.#buckets.delete(key);
    }
  }
}
