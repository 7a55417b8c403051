import { faultPoint } from '../platform/fault-point.ts';
import { type Hint, ProviderError } from '../providers/provider.ts';
import { insertEvents } from '../store/events.ts';
import { assertHeld, resetFailures } from '../store/leases.ts';
import { releaseHeld } from '../store/locations.ts';
import { foldersWithDueFailures } from '../store/sync-failures.ts';
import { ensureSyncState, finishInitial, noteSuccess } from '../store/sync-states.ts';
import { applyFolderGone, settleGone } from './apply-gone.ts';
import { pause, type SyncContext } from './context.ts';
import { needOf } from './folder-need.ts';
import { type FolderState, hasHistory, hasLost } from './folder-state.ts';
import { concernsFolder, type Look, syncFolder } from './folder-sync.ts';
import { hasGone } from './folder-tree.ts';
import { takeHistory } from './history.ts';
import { indexStale } from './index-pass.ts';
import { KnownFolders } from './known-folders.ts';
import { SourcesFirst } from './match.ts';
import { Wakeup } from './wakeup.ts';

/** Where all flags must be read to find the one that changed, a hint makes us do so at most this often, in ms. */
const RESCAN_MS = 5_000;

/** After a change the next poll comes this soon, in ms, and each that finds nothing waits longer, up to `timings.poll`. */
const FIRST_POLL_MS = 5_000;
const POLL_GROWTH = 1.5;

/** A folder that does not open is asked again at least this often, in ms. */
const MAX_FOLDER_WAIT_MS = 10 * 60_000;

/**
 * The sync of one grant while its lease is held: folders, then the newest mails of each, then history and live
 * mail side by side. Ends by throwing: on abort, on a broken connection, on a lost lease.
 */
export class GrantSync {
  #ctx: SyncContext;
  readonly #folders = new KnownFolders();
  /** Paths of folders to look at. */
  readonly #dirty = new Set<string>();
  readonly #wake = new Wakeup();
  readonly #historyWake = new Wakeup();
  /** Folders with mails that resisted and are to be tried again. */
  #due = new Set<string>();
  #pollDue = true;
  #settleDue = false;
  #initialDone = false;

  constructor(ctx: SyncContext) {
    this.#ctx = ctx;
  }

  /** Runs until the context's signal aborts or something breaks; always throws. */
  async run(): Promise<never> {
    const outer = this.#ctx.signal;
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    // When one part ends, the others let go of their connections.
    this.#ctx = { ...this.#ctx, signal };
    const { writer } = this.#ctx;
    const state = await writer.db.engine(async (sql) => {
      await assertHeld(sql, writer.lease);
      return ensureSyncState(sql, writer.scope, writer.clock());
    });
    await faultPoint('sync.after_begin');
    this.#initialDone = state.phase === 'live';
    await this.#folders.list(this.#ctx, this.#initialDone);
    // The newest mails of every folder first, the inbox before all.
    for (const folder of this.#folders.byPriority()) {
      if (!folder.cursor) await this.#look(folder, 'look');
    }
    const parts = [this.#live(signal), this.#history(signal), this.#watch(signal), this.#index(signal)];
    try {
      await Promise.race([...parts, aborted(outer)]);
      throw new Error('a part of the sync ended by itself');
    } finally {
      stop.abort(new Error('another part of the sync ended'));
      // What is being written is finished before the lease is given back.
      await Promise.allSettled(parts);
    }
  }

  /** Looks at every folder now. */
  lookSoon(): void {
    this.#pollDue = true;
    this.#wake.notify();
  }

  async #index(signal: AbortSignal): Promise<never> {
    await indexStale(this.#ctx, signal);
    return aborted(signal);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const inbox = this.#folders.byPriority().find((f) => f.row.selectable);
    if (!inbox) return aborted(signal);
    await this.#ctx.mailbox.watch({ path: inbox.row.path }, (hint) => this.#onHint(hint), signal);
  }

  #onHint(hint: Hint): void {
    if (hint.kind === 'watching' || hint.path === null) this.#pollDue = true;
    else {
      this.#dirty.add(hint.path);
      const folder = this.#folders.at(hint.path);
      const now = this.#ctx.writer.clock().getTime();
      if (hint.what === 'state' && folder && now - folder.scannedAt > RESCAN_MS) folder.scannedAt = 0;
    }
    this.#wake.notify();
  }

  /** Follows hints at once, and looks at everything at every poll whether there were hints or not. */
  async #live(signal: AbortSignal): Promise<void> {
    const { timings } = this.#ctx;
    let lastPoll = 0;
    const soon = Math.min(timings.poll, FIRST_POLL_MS);
    let wait = soon;
    for (;;) {
      signal.throwIfAborted();
      if (this.#dirty.size > 0) wait = soon;
      for (const path of [...this.#dirty]) {
        this.#dirty.delete(path);
        const folder = this.#folders.at(path);
        if (folder) await this.#look(folder, 'quick');
      }
      if (this.#pollDue || performance.now() - lastPoll >= wait) {
        this.#pollDue = false;
        lastPoll = performance.now();
        const found = await this.#poll();
        wait = found ? soon : Math.min(timings.poll, wait * POLL_GROWTH);
      } else if (this.#settleDue) {
        // Time for the copy to turn up where it was moved to.
        await this.#wake.wait(timings.settle, signal);
        if (this.#dirty.size === 0) this.#pollDue = true;
        continue;
      }
      if (this.#dirty.size > 0 || this.#pollDue || this.#settleDue) continue;
      await this.#wake.wait(Math.max(0, wait - (performance.now() - lastPoll)), signal);
    }
  }

  /**
   * The reconciling scan: compares every folder's STATUS with the store, and settles what went before it began.
   * True when there was something to do.
   */
  async #poll(): Promise<boolean> {
    const ctx = this.#ctx;
    const began = ctx.writer.clock();
    await this.#folders.list(this.#ctx, this.#initialDone);
    this.#due = await ctx.writer.db.engine((sql) => foldersWithDueFailures(sql, ctx.writer.scope, began));
    let complete = true;
    const needs: { folder: FolderState; need: Look }[] = [];
    for (const folder of this.#folders.byPriority()) {
      if (!folder.row.selectable) continue;
      const need = this.#need(folder);
      // What was hinted at meanwhile is quickest to have on the connection that watches it.
      const copiesWait = folder.copiesSeenAt !== null;
      if (need === 'look' && folder.cursor && !copiesWait && this.#dirty.delete(folder.row.path))
        needs.push({ folder, need: 'quick' });
      else if (need) needs.push({ folder, need });
      else if (folder.failures === 0 && !hasHistory(folder)) folder.inStepAt = began.getTime();
    }
    // What was moved is missing from one folder first, and then found in another.
    needs.sort((a, b) => Number(hasLost(b.folder)) - Number(hasLost(a.folder)));
    for (const { folder, need } of needs) complete = (await this.#look(folder, need)) && complete;
    if (complete && !this.#folders.all().some(hasHistory)) {
      await ctx.serial(() =>
        ctx.writer.db.engine(async (sql) => {
          await assertHeld(sql, ctx.writer.lease);
          await releaseHeld(sql, ctx.writer.scope, ctx.writer.clock());
        }),
      );
    }
    if (complete && (await hasGone(ctx.writer))) {
      await ctx.serial(() => settleGone(ctx.writer, began));
    }
    const waiting = this.#folders.all().some((f) => f.copiesSeenAt !== null);
    this.#settleDue = waiting || (await hasGone(ctx.writer));
    await ctx.writer.db.engine(async (sql) => {
      // The lease first, as everywhere: who changes folders locks the same rows in this order.
      await resetFailures(sql, ctx.writer.lease);
      await noteSuccess(sql, ctx.writer.scope, ctx.writer.clock());
    });
    await faultPoint('sync.after_poll');
    return needs.length > 0;
  }

  #need(folder: FolderState): Look | null {
    const { timings, writer } = this.#ctx;
    if (folder.failures > 1 && performance.now() < folder.retryAt) return null;
    return needOf(folder, { due: this.#due.has(folder.row.id), now: writer.clock().getTime(), timings });
  }

  /** Looks at one folder; false when that has to be done again. */
  async #look(folder: FolderState, how: Look): Promise<boolean> {
    if (!folder.row.selectable) return true;
    const status = folder.status;
    const began = this.#ctx.writer.clock().getTime();
    try {
      const held = this.#folders.mayBeInHistory(folder);
      const outcome = await syncFolder(this.#ctx, folder, how, held);
      if (outcome.inStep) folder.inStepAt = began;
      if (how !== 'quick') folder.seen = status;
      folder.stale = false;
      folder.failures = 0;
      if (outcome.gone) this.#settleDue = true;
      if (outcome.again) this.#pollDue = true;
      if (outcome.history) this.#historyWake.notify();
      return true;
    } catch (error) {
      if (error instanceof SourcesFirst) {
        folder.copiesSeenAt ??= began;
        this.#settleDue = true;
        return false;
      }
      if (!concernsFolder(error)) throw error;
      folder.stale = true;
      // After a hint the listing may be old: a folder that is being renamed is not gone. The next poll lists anew.
      if (how === 'quick') {
        this.#pollDue = true;
        await pause(this.#ctx);
        return false;
      }
      // A folder that changed is looked at again at once; one that does not open is asked ever more rarely.
      const { settle, poll } = this.#ctx.timings;
      folder.failures += 1;
      folder.retryAt =
        performance.now() + Math.min(settle * 2 ** folder.failures, Math.max(poll, MAX_FOLDER_WAIT_MS));
      if (folder.failures === 1) this.#pollDue = true;
      // Listed, but not there: what was in it is gone, and nothing of it is to come.
      if (folder.failures > 1 && error instanceof ProviderError && error.kind === 'no_folder') {
        await this.#ctx.serial(() => applyFolderGone(this.#ctx.writer, folder.row.id));
        this.#settleDue = true;
        return true;
      }
      await pause(this.#ctx);
      return false;
    }
  }

  async #history(signal: AbortSignal): Promise<void> {
    for (;;) {
      await takeHistory(
        this.#ctx,
        () => this.#folders.all(),
        (folder) => this.#folders.mayBeInHistory(folder),
        (folder) => {
          this.#dirty.add(folder.row.path);
          this.#settleDue = true;
          this.#wake.notify();
        },
      );
      await this.#finishInitial();
      await this.#historyWake.wait(null, signal);
    }
  }

  async #finishInitial(): Promise<void> {
    const all = this.#folders.all().filter((f) => f.row.selectable && !f.stale);
    if (this.#initialDone || all.some((f) => !f.cursor || f.cursor.backfillUid > 1)) return;
    const { writer } = this.#ctx;
    await this.#ctx.serial(() =>
      writer.db.engine(async (sql) => {
        await assertHeld(sql, writer.lease);
        await faultPoint('sync.before_initial_commit');
        if (!(await finishInitial(sql, writer.scope, writer.clock()))) return;
        await insertEvents(sql, writer.scope, [
          { type: 'grant.imap_sync_completed', objectId: writer.scope.grantId, data: {} },
        ]);
      }),
    );
    await faultPoint('sync.after_initial_commit');
    this.#initialDone = true;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
