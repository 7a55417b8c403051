import type { RateLimits } from '../platform/config.ts';
import type { Database } from '../store/database.ts';
import type { Principal } from './auth.ts';
import { findGrant } from './grant-identifier.ts';
import { RateLimiter } from './rate-limiter.ts';
import type { Route } from './route.ts';

/** How long it is believed which grant an identifier means, in ms; only counting depends on it. */
const BELIEVED_MS = 60_000;
const MAX_BELIEVED = 10_000;

/** Which limit a request falls under (contract 1.6), and whether there is room. */
export class RequestLimits {
  readonly #db: Database;
  readonly #limits: RateLimits;
  readonly #limiter: RateLimiter;
  readonly #buckets = new Map<string, { bucket: string; until: number }>();

  constructor(db: Database, limits: RateLimits, alone: boolean) {
    this.#db = db;
    this.#limits = limits;
    this.#limiter = new RateLimiter(db, { alone });
  }

  /** Throws a 429 when there is none. Requests about mailboxes count for the grant, all others for the application. */
  async take(route: Route, { applicationId }: Principal, params: Record<string, string>): Promise<void> {
    const { grantPerSecond, applicationPerSecond, detectionsPerMinute } = this.#limits;
    const take = async (count: number, seconds: number, bucket: () => string | Promise<string>) => {
      if (count > 0) await this.#limiter.take(applicationId, await bucket(), { count, seconds });
    };
    if (route.limit === 'detection') return take(detectionsPerMinute, 60, () => 'detection');
    if (route.access === 'grant') {
      return take(grantPerSecond, 1, () => this.#bucketOf(applicationId, params.grant_id ?? ''));
    }
    return take(applicationPerSecond, 1, () => resourceOf(route));
  }

  /** One bucket a grant, by whichever name it is called, and one for everything that is no grant. */
  async #bucketOf(applicationId: string, identifier: string): Promise<string> {
    const key = `${applicationId} ${identifier}`;
    const now = performance.now();
    const known = this.#buckets.get(key);
    if (known && known.until > now) return known.bucket;
    const grant = await this.#db.tenant(applicationId, (sql) => findGrant(sql, applicationId, identifier));
    const bucket = grant ? `grant ${grant.id}` : 'no grant';
    if (this.#buckets.size >= MAX_BELIEVED) this.#buckets.clear();
    this.#buckets.set(key, { bucket, until: now + BELIEVED_MS });
    return bucket;
  }
}

/** `grants`, `connect`, `applications`: each has its own budget. */
function resourceOf(route: Route): string {
  return route.path.split('/')[2] ?? '';
}
