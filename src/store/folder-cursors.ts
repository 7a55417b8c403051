import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

/** How far a folder is in the store; see the table's comments. */
export interface FolderCursor {
  folderId: string;
  uidValidity: number;
  uidNext: number;
  backfillUid: number;
  liveFrom: number;
  historyTotal: number;
  historyDone: number;
  highestModseq: number;
  reconciledAt: Date | null;
}

const COLUMNS = `folder_id AS "folderId", uid_validity AS "uidValidity", uid_next AS "uidNext", backfill_uid AS "backfillUid",
  live_from AS "liveFrom", history_total AS "historyTotal", history_done AS "historyDone",
  highest_modseq AS "highestModseq", reconciled_at AS "reconciledAt"`;

/** The cursors of all folders of a grant. */
export async function listCursors(sql: Sql, scope: Scope): Promise<FolderCursor[]> {
  return sql.rows(`SELECT ${COLUMNS} FROM folder_cursors WHERE grant_id = $1`, [scope.grantId]);
}

/** Writes a cursor as a whole. */
export async function saveCursor(sql: Sql, scope: Scope, cursor: FolderCursor): Promise<void> {
  await sql.run(
    `INSERT INTO folder_cursors (application_id, grant_id, folder_id, uid_validity, uid_next, backfill_uid, live_from,
       history_total, history_done, highest_modseq, reconciled_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (grant_id, folder_id) DO UPDATE SET uid_validity = excluded.uid_validity, uid_next = excluded.uid_next,
       backfill_uid = excluded.backfill_uid, live_from = excluded.live_from, history_total = excluded.history_total,
       history_done = excluded.history_done, highest_modseq = excluded.highest_modseq, reconciled_at = excluded.reconciled_at`,
    [
      scope.applicationId,
      scope.grantId,
      cursor.folderId,
      cursor.uidValidity,
      cursor.uidNext,
      cursor.backfillUid,
      cursor.liveFrom,
      cursor.historyTotal,
      cursor.historyDone,
      cursor.highestModseq,
      cursor.reconciledAt,
    ],
  );
}
