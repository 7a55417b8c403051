import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

export interface SyncFailure {
  uid: number;
  attempts: number;
  parked: boolean;
}

/** What is known of mails that resisted before, among these UIDs. */
export async function findFailures(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
  uids: number[],
): Promise<SyncFailure[]> {
  return sql.rows(
    `SELECT uid, attempts, parked FROM sync_failures WHERE grant_id = $1 AND folder_id = $2 AND uid_validity = $3
       AND uid = ANY($4::bigint[])`,
    [scope.grantId, folderId, uidValidity, uids],
  );
}

/** Counts an attempt before or after it failed, so that a crash counts too; parks what has failed too often. */
export async function countAttempt(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
  uids: number[],
  reason: string,
  park: { after: number; until: Date },
  nextAttemptAt: Date,
): Promise<number> {
  const rows = await sql.rows<{ parked: boolean }>(
    `INSERT INTO sync_failures AS f (application_id, grant_id, folder_id, uid_validity, uid, attempts, reason, next_attempt_at)
     SELECT $1, $2, $3, $4, uid, 1, $6, $8 FROM unnest($5::bigint[]) AS u (uid)
     ON CONFLICT (grant_id, folder_id, uid_validity, uid) DO UPDATE SET attempts = f.attempts + 1, reason = excluded.reason,
       next_attempt_at = CASE WHEN f.attempts + 1 >= $7 THEN $9 ELSE excluded.next_attempt_at END, parked = f.attempts + 1 >= $7
     RETURNING parked`,
    [
      scope.applicationId,
      scope.grantId,
      folderId,
      uidValidity,
      uids,
      reason,
      park.after,
      nextAttemptAt,
      park.until,
    ],
  );
  return rows.filter((r) => r.parked).length;
}

/** Forgets failures of mails that are stored now, or gone. */
export async function clearFailures(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
  uids: number[],
): Promise<void> {
  await sql.run(
    `DELETE FROM sync_failures WHERE grant_id = $1 AND folder_id = $2 AND uid_validity = $3 AND uid = ANY($4::bigint[])`,
    [scope.grantId, folderId, uidValidity, uids],
  );
}

/** Mails of a folder whose next attempt is due. */
export async function dueFailures(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
  now: Date,
  limit: number,
): Promise<number[]> {
  const rows = await sql.rows<{ uid: number }>(
    `SELECT uid FROM sync_failures WHERE grant_id = $1 AND folder_id = $2 AND uid_validity = $3 AND next_attempt_at <= $4
     ORDER BY next_attempt_at LIMIT $5`,
    [scope.grantId, folderId, uidValidity, now, limit],
  );
  return rows.map((r) => r.uid);
}
