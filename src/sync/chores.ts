import { faultPoint } from '../platform/fault-point.ts';
import type { Log } from '../platform/log.ts';
import type { BlobStore } from '../store/blobs/blob-store.ts';
import { expireRawCopies } from '../store/blobs/expire.ts';
import type { StoreClock } from '../store/clock.ts';
import type { Database } from '../store/database.ts';
import { claimErasure, eraseBatch, finishErasure, postponeErasure } from '../store/erasures.ts';
import { DEFAULT_TIMINGS, type SyncTimings } from './context.ts';
import { Wakeup } from './wakeup.ts';

/** A claimed erasure that is not done by then is taken up by another process, in ms. */
const CLAIM_MS = 10 * 60_000;
/** Old raw copies are dropped this often, in ms. */
const EXPIRE_MS = 60 * 60_000;

interface ChoreParts {
  db: Database;
  blobs: BlobStore;
  log: Log;
  rawRetentionDays: number;
  clock: StoreClock;
  timings?: Partial<SyncTimings>;
}

/** The background work beside syncing: erases deleted grants and drops raw copies that are too old. */
export class Chores {
  readonly #parts: ChoreParts;
  readonly #timings: SyncTimings;
  readonly #stop = new AbortController();
  readonly #wake = new Wakeup();
  #loop: Promise<void> | null = null;
  #expireAt = 0;

  constructor(parts: ChoreParts) {
    this.#parts = parts;
    this.#timings = { ...DEFAULT_TIMINGS, ...parts.timings };
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** A grant was deleted. */
  wake(): void {
    this.#wake.notify();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the chores stop'));
    await this.#loop?.catch(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        while (!this.#stop.signal.aborted && (await this.#eraseOne())) {}
        if (performance.now() >= this.#expireAt) {
          const { blobs, rawRetentionDays, clock } = this.#parts;
          await expireRawCopies(blobs, rawRetentionDays, clock.now());
          this.#expireAt = performance.now() + EXPIRE_MS;
        }
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#parts.log.error(
          { name: (error as Error).name, code: (error as NodeJS.ErrnoException).code },
          'a chore failed and will be tried again',
        );
      }
      await this.#wake.wait(this.#timings.erase, this.#stop.signal).catch(() => {});
    }
  }

  async #eraseOne(): Promise<boolean> {
    const { db, blobs, log, clock } = this.#parts;
    const now = clock.now();
    const erasure = await db.engine((sql) => claimErasure(sql, now, new Date(now.getTime() + CLAIM_MS)));
    if (!erasure) return false;
    await faultPoint('erase.after_claim');
    while (await db.engine((sql) => eraseBatch(sql, erasure.grantId))) {
      await faultPoint('erase.after_batch');
      this.#stop.signal.throwIfAborted();
    }
    await faultPoint('erase.before_blobs');
    await blobs.deletePrefix(`raw/${erasure.grantId}/`);
    const secondPass = new Date(erasure.requestedAt.getTime() + this.#timings.eraseAgain);
    if (secondPass > clock.now()) {
      await db.engine((sql) => postponeErasure(sql, erasure.grantId, secondPass));
      return true;
    }
    await faultPoint('erase.before_finish');
    await db.engine((sql) => finishErasure(sql, erasure.grantId));
    await faultPoint('erase.after_finish');
    log.info({ grantId: erasure.grantId }, 'the data of a deleted grant is erased');
    return true;
  }
}
