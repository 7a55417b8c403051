import type { Log } from '../platform/log.ts';
import type { Database } from '../store/database.ts';
import { analyzeGrown } from '../store/statistics.ts';

/** While mail is being stored, this often, in ms: the server itself learns once a second what a session has written. */
const EVERY_MS = 1_000;

/** Keeps the planner's statistics up with what the syncs of this process store. */
export class TableStatistics {
  readonly #db: Database;
  readonly #log: Log;
  #timer: NodeJS.Timeout | null = null;
  #stored = false;
  #counting: Promise<void> | null = null;

  constructor(db: Database, log: Log) {
    this.#db = db;
    this.#log = log;
  }

  /** Mail was stored. */
  stored(): void {
    this.#stored = true;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (!this.#stored || this.#counting) return;
      this.#stored = false;
      this.#counting = this.#count().finally(() => {
        this.#counting = null;
      });
    }, EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#counting;
  }

  async #count(): Promise<void> {
    try {
      await this.#db.engine(analyzeGrown);
    } catch (error) {
      // Plans may be slow until autovacuum comes; nothing is wrong.
      this.#log.warn({ name: (error as Error).name }, 'tables could not be analyzed');
    }
  }
}
