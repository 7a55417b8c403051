import type { Sql } from './database.ts';

/** A difference this small, in ms, is the way from the database to us, and drift. */
const SAME_MS = 2_000;

/**
 * The time by which what is stored is dated and waited for: the database's, so that processes agree, and one whose own
 * clock is wrong or jumps does no harm. Between two words of the database it goes on by the monotonic clock.
 */
export class StoreClock {
  /** Unix time at which the monotonic clock began, in ms. */
  #origin = Date.now() - performance.now();

  readonly now = (): Date => new Date(this.#origin + performance.now());

  /** Asks the database what time it is. */
  async ask(sql: Sql): Promise<void> {
    const [row] = await sql.rows<{ now: Date }>('SELECT clock_timestamp() AS now');
    if (!row) return;
    const origin = row.now.getTime() - performance.now();
    if (Math.abs(origin - this.#origin) > SAME_MS) this.#origin = origin;
  }
}
