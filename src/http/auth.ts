import { ApiError } from '../platform/errors.ts';
import { findValidApiKey, hashApiKey } from '../store/api-keys.ts';
import type { Database } from '../store/database.ts';

/** Who makes a request. */
export interface Principal {
  applicationId: string;
}

/** How long a key that was good is believed, in ms, should nobody tell that it was revoked. */
const BELIEVED_MS = 2_000;
const MAX_BELIEVED = 10_000;

/** Turns the Authorization header into a principal, or refuses with 401. */
export class Authenticator {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #believed = new Map<string, { principal: Principal; until: number }>();
  #forgotten = 0;

  constructor(db: Database, now: () => number = Date.now) {
    this.#db = db;
    this.#now = now;
  }

  async authenticate(header: string | undefined): Promise<Principal> {
    const token = /^bearer +([\x21-\x7e]{1,1024}) *$/i.exec(header ?? '')?.[1];
    if (!token) throw refused('Send your API key as "Authorization: Bearer <key>".');
    const cacheKey = hashApiKey(token).toString('base64');
    const now = this.#now();
    const known = this.#believed.get(cacheKey);
    if (known && known.until > now) return known.principal;
    const before = this.#forgotten;
    const row = await this.#db.engine((sql) => findValidApiKey(sql, token));
    if (!row) {
      this.#believed.delete(cacheKey);
      throw refused('The API key is not valid.');
    }
    if (this.#believed.size >= MAX_BELIEVED) this.#believed.clear();
    const principal = { applicationId: row.applicationId };
    const until = Math.min(now + BELIEVED_MS, row.expiresAt === null ? Infinity : row.expiresAt * 1000);
    // What was read may be older than the revocation that we were told of meanwhile.
    if (before === this.#forgotten) this.#believed.set(cacheKey, { principal, until });
    return principal;
  }

  /** A key was revoked: believes in none any more. */
  forget(): void {
    this.#forgotten += 1;
    this.#believed.clear();
  }
}

function refused(message: string): ApiError {
  return new ApiError('api.authentication_error', message);
}
