import type { SyncTimings } from './context.ts';
import type { FolderState } from './folder-state.ts';

/**
 * What a folder needs by its STATUS: nothing, a look, or a full comparison. `due`: mails of it that resisted are to be
 * tried again. `now` in ms.
 */
export function needOf(
  folder: FolderState,
  { due, now, timings }: { due: boolean; now: number; timings: SyncTimings },
): 'look' | 'full' | null {
  const { cursor, status } = folder;
  if (!cursor || !status || folder.stale || due) return 'look';
  const noModseq = status.highestModseq === null || status.highestModseq === 0 || cursor.highestModseq === 0;
  const every = noModseq ? scanInterval(timings, status.messages ?? 0) : timings.reconcile;
  if (cursor.backfillUid <= 1 && (!cursor.reconciledAt || now - cursor.reconciledAt.getTime() >= every))
    return 'full';
  if (
    status.uidValidity !== cursor.uidValidity ||
    status.uidNext === null ||
    status.uidNext > cursor.uidNext ||
    (!noModseq && (status.highestModseq as number) > cursor.highestModseq)
  ) {
    return 'look';
  }
  // Deletions, and without modification sequences flags too, show in the counts only. What was looked at once
  // and still differs (a parked mail) is not looked at for ever.
  const { row, seen } = folder;
  const differs =
    cursor.backfillUid <= 1 &&
    (status.messages !== row.totalCount || (noModseq && status.unseen !== row.unreadCount));
  const same = seen && seen.messages === status.messages && seen.unseen === status.unseen;
  return differs && !same ? 'full' : null;
}

/** The larger a folder, the rarer it is read whole. In ms. */
export function scanInterval(timings: SyncTimings, messages: number): number {
  return Math.min(timings.scan + messages * timings.scanPerMessage, timings.reconcile);
}
