import type { Sql } from './database.ts';
import type { RemovedLocation } from './locations.ts';
import type { Scope } from './scope.ts';

/** Keeps every other writer of the grant out until the transaction ends: the sync's fence is the same row. */
export async function lockGrant(sql: Sql, scope: Scope): Promise<void> {
  await sql.run('SELECT 1 FROM leases WHERE grant_id = $1 FOR UPDATE', [scope.grantId]);
}

/** Numbers for changes that the provider has just accepted, ascending. */
export async function nextChangeIds(sql: Sql, count: number): Promise<number[]> {
  const rows = await sql.rows<{ id: number }>(
    `SELECT nextval('change_sequence') AS id FROM generate_series(1, $1)`,
    [count],
  );
  return rows.map((row) => row.id).sort((a, b) => a - b);
}

/** The newest change: what is asked of the provider from now on shows its outcome. */
export async function lastChangeId(sql: Sql): Promise<number> {
  const [row] = await sql.rows<{ id: number }>(
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS id FROM change_sequence',
  );
  return row?.id ?? 0;
}

/** One copy of a message, with what is needed to change it. */
export interface Copy {
  messageId: string;
  folderId: string;
  path: string;
  specialUse: string | null;
  uidValidity: number;
  uid: number;
  date: number;
  draft: boolean;
}

/** The copies of these messages that are not known to be gone. */
export async function findCopies(sql: Sql, scope: Scope, messageIds: string[]): Promise<Copy[]> {
  return sql.rows(
    `SELECT l.message_id AS "messageId", l.folder_id AS "folderId", f.path, f.special_use AS "specialUse",
       l.uid_validity AS "uidValidity", l.uid, l.date, l.draft
     FROM message_locations l JOIN folders f ON f.grant_id = l.grant_id AND f.id = l.folder_id
     WHERE l.application_id = $1 AND l.grant_id = $2 AND l.message_id = ANY($3::text[])
       AND l.gone_at IS NULL AND f.deleted_at IS NULL
     ORDER BY l.message_id, f.path`,
    [scope.applicationId, scope.grantId, messageIds],
  );
}

/** The copy of a message that lies nowhere else. */
export interface LoneCopy {
  messageId: string;
  uidValidity: number;
  uid: number;
}

/** Copies in a folder of messages that lie in no other, in the order of their places, behind one of them (null: from the first). */
export async function loneCopies(
  sql: Sql,
  scope: Scope,
  folderId: string,
  after: LoneCopy | null,
  limit: number,
): Promise<LoneCopy[]> {
  return sql.rows(
    `SELECT l.message_id AS "messageId", l.uid_validity AS "uidValidity", l.uid FROM message_locations l
     WHERE l.application_id = $1 AND l.grant_id = $2 AND l.folder_id = $3 AND l.gone_at IS NULL
       AND ($4::bigint IS NULL OR (l.uid_validity, l.uid) > ($4, $5::bigint))
       AND NOT EXISTS (SELECT 1 FROM message_locations x JOIN folders f ON f.grant_id = x.grant_id AND f.id = x.folder_id
         WHERE x.grant_id = $2 AND x.message_id = l.message_id AND x.folder_id <> l.folder_id AND x.gone_at IS NULL
           AND f.deleted_at IS NULL)
     ORDER BY l.uid_validity, l.uid LIMIT $6`,
    [scope.applicationId, scope.grantId, folderId, after?.uidValidity ?? null, after?.uid ?? null, limit],
  );
}

/** Whether the grant has a message of one of these ids. */
export async function anyMessageExists(sql: Sql, scope: Scope, ids: string[]): Promise<boolean> {
  const rows = await sql.rows(
    'SELECT 1 FROM messages WHERE application_id = $1 AND grant_id = $2 AND id = ANY($3::text[]) LIMIT 1',
    [scope.applicationId, scope.grantId, ids],
  );
  return rows.length > 0;
}

/** The messages and drafts of a thread, oldest first. */
export async function messagesOfThread(
  sql: Sql,
  scope: Scope,
  threadId: string,
): Promise<{ id: string; draft: boolean }[]> {
  return sql.rows(
    `SELECT id, draft FROM messages WHERE application_id = $1 AND grant_id = $2 AND thread_id = $3 ORDER BY date, id`,
    [scope.applicationId, scope.grantId, threadId],
  );
}

/** A copy that has come to lie somewhere. */
export interface LandedCopy {
  messageId: string;
  folderId: string;
  uidValidity: number;
  uid: number;
  seen: boolean;
  flagged: boolean;
  answered: boolean;
  draft: boolean;
  keywords: string[];
  date: number;
  /** Where exactly it lies is for the sync to find out; this row holds its place until then. */
  provisional: boolean;
}

/**
 * Adds copies of messages and in folders that are still there; those that the sync has seen already stay as they are.
 * Returns the added ones.
 */
export async function insertLanded(
  sql: Sql,
  scope: Scope,
  copies: LandedCopy[],
  changeId: number,
  now: Date,
): Promise<RemovedLocation[]> {
  if (copies.length === 0) return [];
  return sql.rows(
    `INSERT INTO message_locations (application_id, grant_id, folder_id, uid_validity, uid, message_id, seen, flagged, answered,
       draft, keywords, date, change_id, gone_at)
     SELECT $1, $2, l."folderId", l."uidValidity", l.uid, l."messageId", l.seen, l.flagged, l.answered, l.draft, l.keywords,
       l.date, $4, CASE WHEN l.provisional THEN $5::timestamptz END
     FROM json_to_recordset($3::json) AS l ("folderId" text, "uidValidity" bigint, uid bigint, "messageId" text, seen boolean,
       flagged boolean, answered boolean, draft boolean, keywords text[], date bigint, provisional boolean)
     JOIN messages m ON m.grant_id = $2 AND m.id = l."messageId"
     JOIN folders f ON f.grant_id = $2 AND f.id = l."folderId" AND f.deleted_at IS NULL
     WHERE NOT (l.provisional AND EXISTS (SELECT 1 FROM message_locations x WHERE x.grant_id = $2
       AND x.message_id = l."messageId" AND x.folder_id = l."folderId" AND x.gone_at IS NULL))
     ON CONFLICT (grant_id, folder_id, uid_validity, uid) DO NOTHING
     RETURNING folder_id AS "folderId", message_id AS "messageId", seen`,
    [scope.applicationId, scope.grantId, JSON.stringify(copies), changeId, now],
  );
}

/** Notes which change the copies have seen last. */
export async function noteChange(
  sql: Sql,
  scope: Scope,
  copies: { folderId: string; uidValidity: number; uid: number }[],
  changeId: number,
): Promise<void> {
  if (copies.length === 0) return;
  await sql.run(
    `UPDATE message_locations l SET change_id = $5
     FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS c (folder_id, uid_validity, uid)
     WHERE l.grant_id = $1 AND l.folder_id = c.folder_id AND l.uid_validity = c.uid_validity AND l.uid = c.uid`,
    [
      scope.grantId,
      copies.map((c) => c.folderId),
      copies.map((c) => c.uidValidity),
      copies.map((c) => c.uid),
      changeId,
    ],
  );
}

/** Replaces the metadata of messages. */
export async function setMetadata(
  sql: Sql,
  scope: Scope,
  messageIds: string[],
  metadata: Record<string, string>,
  now: Date,
): Promise<void> {
  await sql.run(
    `UPDATE messages SET metadata = $4, updated_at = $5
     WHERE application_id = $1 AND grant_id = $2 AND id = ANY($3::text[])`,
    [scope.applicationId, scope.grantId, messageIds, JSON.stringify(metadata), now],
  );
}
