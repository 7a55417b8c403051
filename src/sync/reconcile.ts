import type { OpenFolder, RemoteFlags } from '../providers/provider.ts';
import { lastChangeId } from '../store/changes.ts';
import type { FolderCursor } from '../store/folder-cursors.ts';
import { countLocations, uidsInRanges } from '../store/locations.ts';
import { dueFailures } from '../store/sync-failures.ts';
import { applyCursor, applyFlags } from './apply.ts';
import { applyGone } from './apply-gone.ts';
import type { SyncContext } from './context.ts';
import { scanInterval } from './folder-need.ts';
import { type FolderState, placeOf } from './folder-state.ts';
import { takeIn } from './intake.ts';
import type { Place } from './transaction.ts';

/** Flags of a folder with so few messages are read whole at every look. */
const SMALL_FOLDER = 2_000;
/** Mails that were overlooked are taken in by so many. */
const SLICE = 200;
/** Flag rows written by one transaction. */
const FLAG_BATCH = 1_000;
/** Failed mails that are tried again in one pass. */
const RETRIES = 50;

/** What a look at a folder has brought. */
export interface Outcome {
  /** Copies are missing that may be elsewhere by now. */
  gone: boolean;
  /** History is to be taken in: the folder is new, or has a new UIDVALIDITY. */
  history: boolean;
  /** All that is stored of the folder was held against the server, deletions included. */
  inStep: boolean;
  /** Something was seen that a change of our own had made old by then: look again. */
  again: boolean;
}

/** Brings the stored mails of an open folder in step: flags and deletions, and what was overlooked. */
export async function takeChanges(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  full: boolean,
  held: boolean,
): Promise<Outcome> {
  const cursor = state.cursor as FolderCursor;
  const place = placeOf(state, cursor.uidValidity);
  const from = cursor.backfillUid;
  const to = cursor.uidNext - 1;
  const now = ctx.writer.clock();
  let missing: number[] = [];
  let compared = false;
  let inStep = false;
  let seenModseq = folder.highestModseq ?? cursor.highestModseq;
  let stale = 0;
  const seenAt = await ctx.writer.db.engine(lastChangeId);
  if (to < from) {
    compared = true;
  } else if (folder.highestModseq !== 0 && cursor.highestModseq > 0) {
    if (folder.highestModseq === null || folder.highestModseq > cursor.highestModseq) {
      const changes = await folder.changes(cursor.highestModseq, from, to);
      // Rows above the observation are told again next time; without one they are all there is to go by.
      if (folder.highestModseq === null) seenModseq = Math.max(seenModseq, changes.highestModseq);
      await folder.assertUnchanged();
      stale = await writeFlags(ctx, place, changes.flags, seenAt);
      inStep = changes.vanished !== null;
      if (changes.vanished) {
        missing = await ctx.writer.db.engine((sql) =>
          uidsInRanges(sql, ctx.writer.scope, place.folderId, place.uidValidity, changes.vanished ?? []),
        );
      }
    }
    const counted = await ctx.writer.db.engine((sql) =>
      countLocations(sql, ctx.writer.scope, place.folderId, place.uidValidity),
    );
    // Counts can only be compared when history is complete; otherwise VANISHED or the next full look tells.
    const differs = from <= 1 && counted - missing.length !== folder.exists;
    if (full || differs) {
      const there = await folder.uids(from, to);
      missing = await compare(ctx, folder, state, place, there);
      compared = true;
    }
  } else if (full || (await scanDue(ctx, folder, state, now))) {
    const rows = await folder.flags(from, to);
    state.scannedAt = now.getTime();
    await folder.assertUnchanged();
    stale = await writeFlags(ctx, place, rows, seenAt);
    missing = await compare(
      ctx,
      folder,
      state,
      place,
      rows.map((r) => r.uid),
    );
    compared = true;
  }
  // Before a mail is taken for deleted, a second question must get the same answer.
  const there = new Set(missing.length > 0 ? await folder.present(missing) : []);
  const gone = missing.filter((uid) => !there.has(uid));
  if (gone.length > 0) {
    await folder.assertUnchanged();
    await ctx.serial(() => applyGone(ctx.writer, place, gone, held));
  }
  await retryFailed(ctx, folder, state, place, now);
  // What is older than a change of our own is told once more.
  const highestModseq = stale > 0 ? cursor.highestModseq : seenModseq;
  if (stale > 0) state.scannedAt = 0;
  const reconciledAt = compared ? now : cursor.reconciledAt;
  if (highestModseq !== cursor.highestModseq || reconciledAt !== cursor.reconciledAt) {
    await advance(ctx, state, (latest) => {
      // History has set it back meanwhile, for the sake of mails that were not in this look.
      const setBack = latest.highestModseq < cursor.highestModseq;
      return { ...latest, reconciledAt, highestModseq: setBack ? latest.highestModseq : highestModseq };
    });
  }
  return {
    gone: gone.length > 0,
    history: false,
    inStep: inStep || compared || from <= 1,
    again: stale > 0,
  };
}

/** Without modification sequences all flags must be read: at once in a small folder, else when counts differ or it is time. */
async function scanDue(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  now: Date,
): Promise<boolean> {
  const cursor = state.cursor as FolderCursor;
  if (
    folder.exists <= SMALL_FOLDER ||
    now.getTime() - state.scannedAt >= scanInterval(ctx.timings, folder.exists)
  )
    return true;
  if (cursor.backfillUid > 1) return false;
  const counted = await ctx.writer.db.engine((sql) =>
    countLocations(sql, ctx.writer.scope, cursor.folderId, cursor.uidValidity),
  );
  return counted !== folder.exists;
}

/** Moves the cursor by itself. History moves its own half beside us, so each step starts from the latest word. */
export async function advance(
  ctx: SyncContext,
  state: FolderState,
  step: (latest: FolderCursor) => FolderCursor,
): Promise<void> {
  await ctx.serial(async () => {
    if (!state.cursor) return;
    const next = step(state.cursor);
    await applyCursor(ctx.writer, next);
    state.cursor = next;
  });
}

/** Compares UIDs: fetches what the server has and we do not, returns what we have and it does not. */
async function compare(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  place: Place,
  there: number[],
): Promise<number[]> {
  const cursor = state.cursor as FolderCursor;
  const range = [{ from: cursor.backfillUid, to: cursor.uidNext - 1 }];
  const stored = await ctx.writer.db.engine((sql) =>
    uidsInRanges(sql, ctx.writer.scope, place.folderId, place.uidValidity, range),
  );
  const have = new Set(stored);
  const lacking = there.filter((uid) => !have.has(uid));
  for (let i = 0; i < lacking.length; i += SLICE) {
    await takeIn(ctx, folder, state, lacking.slice(i, i + SLICE), {
      isLive: (uid) => uid >= cursor.liveFrom,
      advance: null,
      matchFirst: true,
    });
  }
  const listed = new Set(there);
  return stored.filter((uid) => !listed.has(uid));
}

async function retryFailed(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  place: Place,
  now: Date,
): Promise<void> {
  const due = await ctx.writer.db.engine((sql) =>
    dueFailures(sql, ctx.writer.scope, place.folderId, place.uidValidity, now, RETRIES),
  );
  const cursor = state.cursor as FolderCursor;
  const ours = due.filter((uid) => uid >= cursor.backfillUid && uid < cursor.uidNext);
  if (ours.length === 0) return;
  await takeIn(ctx, folder, state, ours, {
    isLive: (uid) => uid >= cursor.liveFrom,
    advance: null,
    matchFirst: false,
    parkedToo: true,
  });
}

async function writeFlags(
  ctx: SyncContext,
  place: Place,
  rows: RemoteFlags[],
  seenAt: number,
): Promise<number> {
  let stale = 0;
  for (let i = 0; i < rows.length; i += FLAG_BATCH) {
    const batch = rows.slice(i, i + FLAG_BATCH);
    stale += await ctx.serial(() => applyFlags(ctx.writer, place, batch, seenAt));
  }
  return stale;
}
