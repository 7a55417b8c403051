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

/** Mails of one folder under one UIDVALIDITY. */
interface Place {
  folderId: string;
  uidValidity: number;
}

/**
 * Notes mails that were asked for together when the connection broke over one of them. Suspicion alone goes up to
 * `most`: enough to be asked for alone, never enough to be parked.
 */
export async function suspect(
  sql: Sql,
  scope: Scope,
  place: Place,
  uids: number[],
  reason: string,
  most: number,
  nextAttemptAt: Date,
): Promise<void> {
  await sql.run(
    `INSERT INTO sync_failures AS f (application_id, grant_id, folder_id, uid_validity, uid, attempts, reason, next_attempt_at)
     SELECT $1, $2, $3, $4, uid, 1, $6, $8 FROM unnest($5::bigint[]) AS u (uid)
     ON CONFLICT (grant_id, folder_id, uid_validity, uid) DO UPDATE SET attempts = greatest(f.attempts, least(f.attempts + 1, $7)),
       reason = excluded.reason`,
    [
      scope.applicationId,
      scope.grantId,
      place.folderId,
      place.uidValidity,
      uids,
      reason,
      most,
      nextAttemptAt,
    ],
  );
}

/** Counts an attempt before it is made, so that a crash counts too; returns the number of attempts. */
export async function countAttempt(
  sql: Sql,
  scope: Scope,
  place: Place,
  uid: number,
  nextAttemptAt: Date,
): Promise<number> {
  const [row] = await sql.rows<{ attempts: number }>(
    `INSERT INTO sync_failures AS f (application_id, grant_id, folder_id, uid_validity, uid, attempts, reason, next_attempt_at)
     VALUES ($1, $2, $3, $4, $5, 1, 'retry', $6)
     ON CONFLICT (grant_id, folder_id, uid_validity, uid) DO UPDATE SET attempts = f.attempts + 1,
       next_attempt_at = excluded.next_attempt_at
     RETURNING attempts`,
    [scope.applicationId, scope.grantId, place.folderId, place.uidValidity, uid, nextAttemptAt],
  );
  return row?.attempts ?? 1;
}

/** Takes an attempt back that failed for a reason of its own, such as a server that asks for patience. */
export async function forgiveAttempt(sql: Sql, scope: Scope, place: Place, uid: number): Promise<void> {
  await sql.run(
    `UPDATE sync_failures SET attempts = greatest(attempts - 1, 1) WHERE grant_id = $1 AND folder_id = $2
       AND uid_validity = $3 AND uid = $4`,
    [scope.grantId, place.folderId, place.uidValidity, uid],
  );
}

/** Parks a mail that resists: it is asked for again at `until`. False when it was parked already. */
export async function parkFailure(
  sql: Sql,
  scope: Scope,
  place: Place,
  uid: number,
  reason: string,
  until: Date,
): Promise<boolean> {
  const [row] = await sql.rows<{ before: boolean }>(
    `WITH before AS (
       SELECT parked FROM sync_failures WHERE grant_id = $1 AND folder_id = $2 AND uid_validity = $3 AND uid = $4 FOR UPDATE
     )
     UPDATE sync_failures f SET parked = true, reason = $5, next_attempt_at = $6 FROM before
     WHERE f.grant_id = $1 AND f.folder_id = $2 AND f.uid_validity = $3 AND f.uid = $4 RETURNING before.parked AS before`,
    [scope.grantId, place.folderId, place.uidValidity, uid, reason, until],
  );
  return row?.before === false;
}

/** Folders with mails whose next attempt is due. */
export async function foldersWithDueFailures(sql: Sql, scope: Scope, now: Date): Promise<Set<string>> {
  const rows = await sql.rows<{ folder_id: string }>(
    'SELECT DISTINCT folder_id FROM sync_failures WHERE grant_id = $1 AND next_attempt_at <= $2',
    [scope.grantId, now],
  );
  return new Set(rows.map((r) => r.folder_id));
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
