import type { Sql } from '../store/database.ts';
import { markFolderGone, markGone, removeGone } from '../store/locations.ts';
import { deleteUnlocated } from '../store/message-writes.ts';
import type { Scope } from '../store/scope.ts';
import { type Changes, inTransaction, type Place, type Writer } from './transaction.ts';

/** Rows that one settling transaction removes at most. */
const SETTLE_BATCH = 500;

/**
 * Notes that copies are gone from a folder. The messages stay as they are until {@link settleGone}, and those that
 * are `held` at least until all history has been read.
 */
export async function applyGone(
  writer: Writer,
  place: Place,
  uids: number[],
  held: boolean,
): Promise<number> {
  if (uids.length === 0) return 0;
  return inTransaction(writer, (sql) =>
    markGone(sql, writer.scope, place.folderId, place.uidValidity, uids, held ? 'held' : writer.clock()),
  );
}

/** Notes that all copies are gone from a folder which the server lists and does not have. */
export async function applyFolderGone(writer: Writer, folderId: string): Promise<number> {
  return inTransaction(writer, (sql) => markFolderGone(sql, writer.scope, folderId, null, writer.clock()));
}

/**
 * Removes copies that went before a moment since when every folder has been looked at: what has not turned
 * up elsewhere by now is deleted.
 */
export async function settleGone(writer: Writer, before: Date): Promise<void> {
  for (;;) {
    const removed = await inTransaction(writer, async (sql, changes) => {
      const rows = await removeGone(sql, writer.scope, before, SETTLE_BATCH);
      changes.removed(rows);
      const ids = [...new Set(rows.map((r) => r.messageId))];
      await deleteWhatIsNowhere(sql, writer.scope, ids, changes);
      return rows.length;
    });
    if (removed < SETTLE_BATCH) return;
  }
}

/** Deletes those of the messages that have no copy left, and tells of it. */
export async function deleteWhatIsNowhere(
  sql: Sql,
  scope: Scope,
  messageIds: string[],
  changes: Changes,
): Promise<void> {
  for (const message of await deleteUnlocated(sql, scope, messageIds)) {
    changes.threads.add(message.threadId);
    changes.messages.delete(message.id);
    changes.live = true;
    changes.events.push({
      type: 'message.deleted',
      objectId: message.id,
      data: { thread_id: message.threadId, folders: message.folderIds },
    });
  }
}
