import { ApiError } from '../platform/errors.ts';
import type { Database } from '../store/database.ts';
import { forgetWindows, takeFromWindows, type WindowState } from '../store/rate-windows.ts';

/** So many requests in a window of so many seconds. */
export interface Limit {
  count: number;
  seconds: number;
}

/** Of what is left, a process that is alone takes at most this part ahead of need. */
const SPARE_SHARE = 1 / 8;
/** Windows that this process remembers before it looks for ones that have ended. */
const SWEEP_AT = 10_000;
/** Ended windows are deleted this often and this late, in ms. */
const FORGET_MS = 60_000;

/** A window as this process knows it; all the others are in the table. */
interface Window {
  applicationId: string;
  bucket: string;
  limit: Limit;
  /** Taken from the table and not used yet. */
  permits: number;
  /** Let through by this process. */
  used: number;
  /** What the table had left when it was last asked. */
  left: number;
  /** By this process's monotonic clock, in ms; never later than in the table. */
  endsAt: number;
  /** Whoever the next statement asks for, and whether one is under way. */
  waiting: PromiseWithResolvers<void>[];
  asked: boolean;
}

/**
 * Counts requests in windows that all processes share, exactly: in one window the limit is let through, and no more. A
 * window begins with a request. One statement at a time serves everybody who waits. A process that is alone on its
 * database takes permits ahead of need as it uses more, so that many requests cost few statements; beside others it
 * does not, since what lies idle here would be refused there.
 */
export class RateLimiter {
  readonly #db: Database;
  readonly #alone: boolean;
  readonly #now: () => number;
  readonly #windows = new Map<string, Window>();
  readonly #waiting = new Set<Window>();
  #asking = false;
  #forgetAt = 0;

  constructor(
    db: Database,
    { alone = false, now = () => performance.now() }: { alone?: boolean; now?: () => number } = {},
  ) {
    this.#db = db;
    this.#alone = alone;
    this.#now = now;
  }

  /** Resolves when the request may go on; throws a 429 that says when the window ends. */
  async take(applicationId: string, bucket: string, limit: Limit): Promise<void> {
    const window = this.#window(applicationId, bucket, limit);
    if (window.permits > 0) {
      window.permits -= 1;
      window.used += 1;
      return;
    }
    if (window.left === 0) throw tooMany(window.endsAt - this.#now());
    const waiter = Promise.withResolvers<void>();
    window.waiting.push(waiter);
    this.#waiting.add(window);
    if (!this.#asking) {
      this.#asking = true;
      void this.#ask();
    }
    return waiter.promise;
  }

  #window(applicationId: string, bucket: string, limit: Limit): Window {
    const key = keyOf({ applicationId, bucket });
    const known = this.#windows.get(key);
    if (known && isInUse(known, this.#now())) return known;
    if (this.#windows.size >= SWEEP_AT) this.#sweep();
    // Of the next window nothing is known but that it may not be used up.
    const next = { left: limit.count, endsAt: 0, waiting: [], asked: false };
    const window = { applicationId, bucket, limit, permits: 0, used: 0, ...next };
    this.#windows.set(key, window);
    return window;
  }

  /** Asks the table until nobody waits. */
  async #ask(): Promise<void> {
    // Whoever comes within this turn of the event loop goes along.
    await new Promise(setImmediate);
    while (this.#waiting.size > 0) {
      const asked = new Map(
        [...this.#waiting].map((window) => [keyOf(window), { window, ...this.#want(window) }]),
      );
      this.#waiting.clear();
      const requests = [...asked.entries()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { window, wanted }]) => ({
          applicationId: window.applicationId,
          bucket: window.bucket,
          wanted,
          lengthMs: window.limit.seconds * 1000,
        }));
      const askedAt = this.#now();
      try {
        const states = await this.#db.engine((sql) => takeFromWindows(sql, requests));
        for (const state of states) this.#settle(asked.get(keyOf(state))!, state, askedAt);
      } catch (error) {
        for (const { window, waiting } of asked.values()) {
          window.asked = false;
          for (const waiter of waiting) waiter.reject(error);
        }
      }
    }
    this.#asking = false;
    if (this.#now() >= this.#forgetAt) {
      this.#forgetAt = this.#now() + FORGET_MS;
      // Whatever is wrong with the database, requests say it better.
      await this.#db.engine((sql) => forgetWindows(sql, FORGET_MS)).catch(() => {});
    }
  }

  #settle({ window, wanted, waiting }: Asked, state: WindowState, askedAt: number): void {
    const { count } = window.limit;
    const granted = Math.min(wanted, Math.max(0, count - (state.taken - wanted)));
    const through = Math.min(granted, waiting.length);
    window.asked = false;
    window.endsAt = askedAt + state.leftMs;
    window.left = Math.max(0, count - state.taken);
    // Whoever came meanwhile has what is over: nobody waits, or is refused, while there are permits.
    const late = window.waiting.splice(0, granted - through);
    window.permits = granted - through - late.length;
    window.used += through + late.length;
    for (const waiter of [...waiting.slice(0, through), ...late]) waiter.resolve();
    if (window.waiting.length === 0) this.#waiting.delete(window);
    for (const waiter of waiting.slice(through)) waiter.reject(tooMany(window.endsAt - this.#now()));
  }

  /** Everybody who waits, and no more ahead of them than this process has used so far. */
  #want(window: Window): Omit<Asked, 'window'> {
    const waiting = window.waiting.splice(0);
    window.asked = true;
    const spare = this.#alone ? Math.min(window.used, Math.floor(window.left * SPARE_SHARE)) : 0;
    return { waiting, wanted: waiting.length + spare };
  }

  #sweep(): void {
    const now = this.#now();
    for (const [key, window] of this.#windows) {
      if (!isInUse(window, now)) this.#windows.delete(key);
    }
  }
}

function isInUse(window: Window, now: number): boolean {
  return window.endsAt > now || window.asked || window.waiting.length > 0;
}

interface Asked {
  window: Window;
  wanted: number;
  waiting: PromiseWithResolvers<void>[];
}

function keyOf({ applicationId, bucket }: { applicationId: string; bucket: string }): string {
  return `${applicationId} ${bucket}`;
}

function tooMany(leftMs: number): ApiError {
  return new ApiError('api.rate_limit_error', 'Too many requests of this kind. Try again later.', {
    retryAfterSeconds: Math.max(1, Math.ceil(leftMs / 1000)),
  });
}
