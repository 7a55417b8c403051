import { faultPoint } from '../platform/fault-point.ts';
import type { OpenFolder } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import type { FolderCursor } from '../store/folder-cursors.ts';
import type { SyncContext } from './context.ts';
import type { FolderState } from './folder-state.ts';
import { takeIn } from './intake.ts';
import { advance, type Outcome, takeChanges } from './reconcile.ts';

/** Messages that are readable first, at once. */
const FIRST_MESSAGES = 50;
/** New mail is taken in slices of this many, each with its cursor. */
const SLICE = 200;

/** How to look at a folder: after a hint; after a difference in its STATUS; UID by UID even when the counts agree. */
export type Look = 'quick' | 'look' | 'full';

/**
 * Brings one folder in step with the server, except for history that is still to come: new mail, flags and deletions.
 * `held`: what is missing here may lie in the history of another folder. Throws SourcesFirst when new mail is known
 * from other folders, which are to be looked at first; after a while it is taken in all the same.
 */
export async function syncFolder(
  ctx: SyncContext,
  state: FolderState,
  how: Look,
  held: boolean,
): Promise<Outcome> {
  const full = how === 'full';
  const now = ctx.writer.clock().getTime();
  const folder = await ctx.mailbox.open(state.row.path, ctx.signal, how === 'quick');
  await faultPoint('sync.after_open');
  try {
    const { cursor } = state;
    // After a hint always: the poll looks first where mail is missing, however long that takes.
    const sourcesFirst = how === 'quick' || now - (state.copiesSeenAt ?? now) < ctx.timings.settle;
    if (!cursor || cursor.uidValidity !== folder.uidValidity)
      return await start(ctx, folder, state, sourcesFirst);
    await takeNew(ctx, folder, state, cursor, sourcesFirst);
    state.copiesSeenAt = null;
    return await takeChanges(ctx, folder, state, full, held);
  } finally {
    await folder.close();
  }
}

/** Begins a folder: its newest mails first, so that they can be read at once. */
async function start(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  sourcesFirst: boolean,
): Promise<Outcome> {
  const before = state.cursor;
  state.startedAt = ctx.writer.clock().getTime();
  const newest = await folder.newestUids(FIRST_MESSAGES);
  const top = newest.at(-1) ?? 0;
  const uidNext = Math.max(folder.uidNext ?? 1, top + 1);
  // All that is new after a new UIDVALIDITY came while we were away, if we had everything before; and so did all
  // that is new in a folder that was not there when the mailbox was connected.
  const allLive = before ? before.backfillUid <= 1 : state.appeared;
  const liveFrom = allLive ? 1 : before ? uidNext : (folder.uidNext ?? top + 1);
  const complete = newest.length >= folder.exists;
  const cursor: FolderCursor = {
    folderId: state.row.id,
    uidValidity: folder.uidValidity,
    uidNext,
    backfillUid: complete ? 1 : (newest[0] ?? 1),
    liveFrom,
    historyTotal: Math.max(folder.exists, newest.length),
    historyDone: newest.length,
    highestModseq: folder.highestModseq ?? 0,
    reconciledAt: null,
  };
  state.rematching = before !== null;
  state.history = null;
  state.stale = false;
  await takeIn(ctx, folder, state, newest, {
    isLive: (uid) => uid >= liveFrom,
    advance: () => cursor,
    matchFirst: state.rematching,
    flagsToo: true,
    sourcesFirst: sourcesFirst && state.appeared && !before,
  });
  state.copiesSeenAt = null;
  return { gone: false, history: true, inStep: !state.rematching, again: false };
}

/** New mail: everything from the cursor's UIDNEXT on. */
async function takeNew(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  cursor: FolderCursor,
  sourcesFirst: boolean,
): Promise<void> {
  const fresh = await folder.uids(cursor.uidNext, null);
  for (let i = 0; i < fresh.length; i += SLICE) {
    const slice = fresh.slice(i, i + SLICE);
    const uidNext = (slice.at(-1) as number) + 1;
    await takeIn(ctx, folder, state, slice, {
      isLive: (uid) => uid >= cursor.liveFrom,
      advance: (latest) => ({ ...(latest ?? cursor), uidNext }),
      matchFirst: folder.stableIds || state.rematching,
      sourcesFirst,
    });
  }
  // UIDNEXT was observed before the search, so the search has seen everything below it.
  const observed = folder.uidNext ?? 0;
  if (observed > (state.cursor?.uidNext ?? 0))
    await advance(ctx, state, (latest) => ({ ...latest, uidNext: observed }));
}

const FOLDER_ERRORS = new Set(['no_folder', 'folder_refused', 'changed']);

/** True for errors that concern one folder only, so that the others go on. */
export function concernsFolder(error: unknown): boolean {
  return error instanceof ProviderError && FOLDER_ERRORS.has(error.kind);
}
