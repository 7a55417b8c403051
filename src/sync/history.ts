import type { OpenFolder } from '../providers/provider.ts';
import type { FolderCursor } from '../store/folder-cursors.ts';
import { assertHeld } from '../store/leases.ts';
import { markFolderGone } from '../store/locations.ts';
import type { SyncContext } from './context.ts';
import { byPriority, type FolderState } from './folder-state.ts';
import { concernsFolder } from './folder-sync.ts';
import { fetch, type IntakeOptions, write } from './intake.ts';
import { prepare } from './prepare.ts';
import { advance } from './reconcile.ts';

/** Mails of one slice. */
const SLICE = 250;
/** Slices of one folder before the next folder has its turn, so that all folders fill from the top. */
const SLICES_PER_TURN = 8;

/**
 * Takes in what was in the folders before they were connected, newest first, all folders by turns.
 * Ends when there is no more history; `onFolderDone` hears of each folder that is complete. `mayBeElsewhere` tells
 * whether mails that are missing from a folder may yet turn up in the history of another.
 */
export async function takeHistory(
  ctx: SyncContext,
  folders: () => FolderState[],
  mayBeElsewhere: (state: FolderState) => boolean,
  onFolderDone: (state: FolderState) => void,
): Promise<void> {
  for (;;) {
    const open = folders()
      .filter((f) => f.row.selectable && !f.stale && f.cursor && (f.cursor.backfillUid > 1 || f.rematching))
      .sort(byPriority);
    if (open.length === 0) return;
    for (const state of open) {
      ctx.signal.throwIfAborted();
      try {
        if (await takeTurn(ctx, state, mayBeElsewhere)) onFolderDone(state);
      } catch (error) {
        if (!concernsFolder(error)) throw error;
        state.stale = true;
        // What was listed and not stored is listed again.
        state.history = null;
      }
    }
  }
}

/** One turn of one folder; true when its history is complete. */
async function takeTurn(
  ctx: SyncContext,
  state: FolderState,
  mayBeElsewhere: (state: FolderState) => boolean,
): Promise<boolean> {
  const folder = await ctx.mailbox.open(state.row.path, ctx.signal);
  try {
    const cursor = state.cursor;
    if (!cursor || cursor.uidValidity !== folder.uidValidity) {
      state.stale = true;
      return false;
    }
    if (!state.history) {
      state.history = cursor.backfillUid > 1 ? await folder.uids(1, cursor.backfillUid - 1) : [];
      const total = cursor.historyDone + state.history.length;
      await advance(ctx, state, (latest) => ({ ...latest, historyTotal: total }));
    }
    await takeSlices(ctx, folder, state, state.history);
    if (state.history.length > 0) return false;
    await finish(ctx, state, mayBeElsewhere(state));
    return true;
  } finally {
    await folder.close();
  }
}

/** Three slices are on their way at a time: one is read, the one before is parsed, the one before that is written. */
async function takeSlices(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  history: number[],
): Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  try {
    for (let n = 0; n < SLICES_PER_TURN && history.length > 0; n += 1) {
      const slice = history.slice(-SLICE).reverse();
      const lowest = slice.at(-1) as number;
      const options: IntakeOptions = {
        isLive: (uid) => uid >= (state.cursor as FolderCursor).liveFrom,
        advance: (latest) => ({
          ...(latest as FolderCursor),
          backfillUid: lowest,
          historyDone: (latest as FolderCursor).historyDone + slice.length,
          // The flags of this slice are as old as the SELECT: what changed since is to be asked for again.
          highestModseq: Math.min((latest as FolderCursor).highestModseq, folder.highestModseq ?? 0),
        }),
        matchFirst: state.rematching,
        flagsToo: true,
      };
      const fetched = await fetch(ctx, folder, state, slice, options);
      history.length -= slice.length;
      const prepared = prepare(ctx, fetched.messages);
      // Both are awaited below; until then their failures have an owner.
      prepared.catch(() => {});
      await writing;
      writing = prepared.then((arrivals) => write(ctx, folder, state, fetched, arrivals, options));
      writing.catch(() => {});
    }
  } catch (error) {
    await writing.catch(() => {});
    throw error;
  }
  await writing;
}

/** Closes a folder's history; copies under an older UIDVALIDITY that found no match are gone. */
async function finish(ctx: SyncContext, state: FolderState, held: boolean): Promise<void> {
  await advance(ctx, state, (latest) => ({ ...latest, backfillUid: 1 }));
  if (!state.rematching) return;
  const { writer } = ctx;
  await ctx.serial(() =>
    writer.db.engine(async (sql) => {
      await assertHeld(sql, writer.lease);
      const { uidValidity } = state.cursor as FolderCursor;
      const at = held ? 'held' : writer.clock();
      await markFolderGone(sql, writer.scope, state.row.id, uidValidity, at);
    }),
  );
  state.rematching = false;
}
