import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

/** One copy of a message in a folder. */
export interface NewLocation {
  folderId: string;
  uidValidity: number;
  uid: number;
  messageId: string;
  seen: boolean;
  flagged: boolean;
  answered: boolean;
  draft: boolean;
  keywords: string[];
  date: number;
}

/** Inserts locations; one that is there already stays as it is. */
export async function insertLocations(sql: Sql, scope: Scope, locations: NewLocation[]): Promise<void> {
  if (locations.length === 0) return;
  await sql.run(
    `INSERT INTO message_locations (application_id, grant_id, folder_id, uid_validity, uid, message_id, seen, flagged, answered,
       draft, keywords, date)
     SELECT $1, $2, l."folderId", l."uidValidity", l.uid, l."messageId", l.seen, l.flagged, l.answered, l.draft, l.keywords, l.date
     FROM json_to_recordset($3::json) AS l ("folderId" text, "uidValidity" bigint, uid bigint, "messageId" text, seen boolean,
       flagged boolean, answered boolean, draft boolean, keywords text[], date bigint)`,
    [scope.applicationId, scope.grantId, JSON.stringify(locations)],
  );
}

/** Which of these UIDs are stored. */
export async function storedUids(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
  uids: number[],
): Promise<Set<number>> {
  const rows = await sql.rows<{ uid: number }>(
    `SELECT uid FROM message_locations WHERE grant_id = $1 AND folder_id = $2 AND uid_validity = $3 AND uid = ANY($4::bigint[])`,
    [scope.grantId, folderId, uidValidity, uids],
  );
  return new Set(rows.map((r) => r.uid));
}

/** Which of these UIDs hold a message with the fingerprint that is given for each. */
export async function locatedWithFingerprint(
  sql: Sql,
  scope: Scope,
  place: { folderId: string; uidValidity: number },
  wanted: { uid: number; fingerprint: Buffer }[],
): Promise<{ uid: number; id: string }[]> {
  if (wanted.length === 0) return [];
  return sql.rows(
    `SELECT l.uid, m.id FROM unnest($4::bigint[], $5::bytea[]) AS w (uid, fingerprint)
     JOIN message_locations l ON l.grant_id = $1 AND l.folder_id = $2 AND l.uid_validity = $3 AND l.uid = w.uid
     JOIN messages m ON m.grant_id = $1 AND m.id = l.message_id AND m.fingerprint = w.fingerprint`,
    [
      scope.grantId,
      place.folderId,
      place.uidValidity,
      wanted.map((w) => w.uid),
      wanted.map((w) => w.fingerprint),
    ],
  );
}

/** Stored UIDs in any of the ranges that are not known to be gone, ascending. */
export async function uidsInRanges(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
  ranges: { from: number; to: number }[],
): Promise<number[]> {
  const rows = await sql.rows<{ uid: number }>(
    `SELECT DISTINCT l.uid FROM unnest($4::bigint[], $5::bigint[]) AS r (low, high) JOIN message_locations l
       ON l.grant_id = $1 AND l.folder_id = $2 AND l.uid_validity = $3 AND l.uid BETWEEN r.low AND r.high
     WHERE l.gone_at IS NULL ORDER BY l.uid`,
    [scope.grantId, folderId, uidValidity, ranges.map((r) => r.from), ranges.map((r) => r.to)],
  );
  return rows.map((r) => r.uid);
}

interface FlagUpdate {
  uid: number;
  seen: boolean;
  flagged: boolean;
  answered: boolean;
  draft: boolean;
  keywords: string[];
}

/**
 * Sets flags; returns the messages that changed and by how much the folder's unread count moves. What was seen
 * before a change of our own (`seenAt`: the newest change at that time) does not undo it: those copies are `stale`.
 */
export async function updateFlags(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
  updates: FlagUpdate[],
  seenAt: number,
): Promise<{ messageIds: string[]; unread: number; stale: number }> {
  if (updates.length === 0) return { messageIds: [], unread: 0, stale: 0 };
  const rows = await sql.rows<{ message_id: string | null; unread: number; stale: number }>(
    `WITH wanted AS (
       SELECT * FROM json_to_recordset($4::json) AS w (uid bigint, seen boolean, flagged boolean, answered boolean, draft boolean, keywords text[])
     ), before AS (
       SELECT l.uid, l.seen, l.change_id > $5 AS stale FROM message_locations l JOIN wanted w ON w.uid = l.uid
       WHERE l.grant_id = $1 AND l.folder_id = $2 AND l.uid_validity = $3
         AND (l.seen, l.flagged, l.answered, l.draft, l.keywords) IS DISTINCT FROM (w.seen, w.flagged, w.answered, w.draft, w.keywords)
     ), updated AS (
       UPDATE message_locations l SET seen = w.seen, flagged = w.flagged, answered = w.answered, draft = w.draft, keywords = w.keywords
       FROM wanted w JOIN before b ON b.uid = w.uid AND NOT b.stale
       WHERE l.grant_id = $1 AND l.folder_id = $2 AND l.uid_validity = $3 AND l.uid = w.uid
       RETURNING l.message_id, (b.seen::int - l.seen::int) AS unread
     )
     SELECT message_id, unread, 0 AS stale FROM updated
     UNION ALL SELECT NULL, 0, 1 FROM before WHERE stale`,
    [scope.grantId, folderId, uidValidity, JSON.stringify(updates), seenAt],
  );
  return {
    messageIds: [...new Set(rows.flatMap((r) => r.message_id ?? []))],
    unread: rows.reduce((sum, r) => sum + r.unread, 0),
    stale: rows.reduce((sum, r) => sum + r.stale, 0),
  };
}

/**
 * Since when a copy is gone. `held`: its message may lie in history that has not been read yet, so that it cannot
 * be taken for deleted before {@link releaseHeld}.
 */
export type GoneAt = Date | 'held';

const HELD = 'infinity';

function goneAt(at: GoneAt): Date | string {
  return at === 'held' ? HELD : at;
}

/** Marks copies as gone; they still count until `settleGone` finds that they turned up nowhere else. */
export async function markGone(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
  uids: number[],
  at: GoneAt,
): Promise<number> {
  if (uids.length === 0) return 0;
  return sql.run(
    `UPDATE message_locations SET gone_at = $5 WHERE grant_id = $1 AND folder_id = $2 AND uid_validity = $3
       AND uid = ANY($4::bigint[]) AND gone_at IS NULL`,
    [scope.grantId, folderId, uidValidity, uids, goneAt(at)],
  );
}

/** Marks all copies of a folder as gone that were stored under another UIDVALIDITY (null: all of the folder). */
export async function markFolderGone(
  sql: Sql,
  scope: Scope,
  folderId: string,
  exceptValidity: number | null,
  at: GoneAt,
): Promise<number> {
  return sql.run(
    `UPDATE message_locations SET gone_at = $4 WHERE grant_id = $1 AND folder_id = $2 AND gone_at IS NULL
       AND uid_validity IS DISTINCT FROM $3::bigint`,
    [scope.grantId, folderId, exceptValidity, goneAt(at)],
  );
}

/** All history has been read: what is still gone may be settled from now on. */
export async function releaseHeld(sql: Sql, scope: Scope, now: Date): Promise<number> {
  return sql.run(`UPDATE message_locations SET gone_at = $2 WHERE grant_id = $1 AND gone_at = '${HELD}'`, [
    scope.grantId,
    now,
  ]);
}

export interface RemovedLocation {
  folderId: string;
  messageId: string;
  seen: boolean;
}

/** Removes copies that have been gone since before a moment. */
export async function removeGone(
  sql: Sql,
  scope: Scope,
  before: Date,
  limit: number,
): Promise<RemovedLocation[]> {
  return sql.rows(
    `WITH gone AS (
       SELECT folder_id, uid_validity, uid FROM message_locations WHERE grant_id = $1 AND gone_at < $2 ORDER BY gone_at LIMIT $3
     )
     DELETE FROM message_locations l USING gone g
     WHERE l.grant_id = $1 AND l.folder_id = g.folder_id AND l.uid_validity = g.uid_validity AND l.uid = g.uid
     RETURNING l.folder_id AS "folderId", l.message_id AS "messageId", l.seen`,
    [scope.grantId, before, limit],
  );
}

/** Removes single copies, because their message has been found elsewhere. */
export async function removeLocations(
  sql: Sql,
  scope: Scope,
  copies: { folderId: string; uidValidity: number; uid: number }[],
): Promise<RemovedLocation[]> {
  if (copies.length === 0) return [];
  return sql.rows(
    `DELETE FROM message_locations l USING unnest($2::text[], $3::bigint[], $4::bigint[]) AS c (folder_id, uid_validity, uid)
     WHERE l.grant_id = $1 AND l.folder_id = c.folder_id AND l.uid_validity = c.uid_validity AND l.uid = c.uid
     RETURNING l.folder_id AS "folderId", l.message_id AS "messageId", l.seen`,
    [
      scope.grantId,
      copies.map((c) => c.folderId),
      copies.map((c) => c.uidValidity),
      copies.map((c) => c.uid),
    ],
  );
}

/** Removes the copies in a folder of messages that also lie in another one. */
export async function removeSpareCopies(
  sql: Sql,
  scope: Scope,
  folderId: string,
): Promise<RemovedLocation[]> {
  return sql.rows(
    `DELETE FROM message_locations l
     WHERE l.grant_id = $1 AND l.folder_id = $2 AND EXISTS (SELECT 1 FROM message_locations x
       WHERE x.grant_id = $1 AND x.message_id = l.message_id AND x.folder_id <> $2 AND x.gone_at IS NULL)
     RETURNING l.folder_id AS "folderId", l.message_id AS "messageId", l.seen`,
    [scope.grantId, folderId],
  );
}

/** Removes all copies in a folder. */
export async function removeFolderCopies(
  sql: Sql,
  scope: Scope,
  folderId: string,
): Promise<RemovedLocation[]> {
  return sql.rows(
    `DELETE FROM message_locations WHERE grant_id = $1 AND folder_id = $2
     RETURNING folder_id AS "folderId", message_id AS "messageId", seen`,
    [scope.grantId, folderId],
  );
}

/** How many copies are waiting to be settled, without those that are held. */
export async function countGone(sql: Sql, scope: Scope): Promise<number> {
  const [row] = await sql.rows<{ count: number }>(
    'SELECT count(*) AS count FROM message_locations WHERE grant_id = $1 AND gone_at < $2',
    [scope.grantId, HELD],
  );
  return row?.count ?? 0;
}

/** Number of copies of a folder under one UIDVALIDITY that are not known to be gone. */
export async function countLocations(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
): Promise<number> {
  const [row] = await sql.rows<{ count: number }>(
    `SELECT count(*) AS count FROM message_locations
     WHERE grant_id = $1 AND folder_id = $2 AND uid_validity = $3 AND gone_at IS NULL`,
    [scope.grantId, folderId, uidValidity],
  );
  return row?.count ?? 0;
}

/** True when the folder has copies under an older UIDVALIDITY whose messages may be matched again. */
export async function hasOlderValidity(
  sql: Sql,
  scope: Scope,
  folderId: string,
  uidValidity: number,
): Promise<boolean> {
  const rows = await sql.rows(
    `SELECT 1 FROM message_locations WHERE grant_id = $1 AND folder_id = $2 AND uid_validity <> $3 LIMIT 1`,
    [scope.grantId, folderId, uidValidity],
  );
  return rows.length > 0;
}

/** Where the copies of a message lie at the provider. */
export async function findLocations(
  sql: Sql,
  scope: Scope,
  messageId: string,
): Promise<{ path: string; uidValidity: number; uid: number }[]> {
  return sql.rows(
    `SELECT f.path, l.uid_validity AS "uidValidity", l.uid FROM message_locations l
     JOIN folders f ON f.grant_id = l.grant_id AND f.id = l.folder_id
     WHERE l.grant_id = $1 AND l.message_id = $2 AND f.deleted_at IS NULL ORDER BY l.gone_at NULLS FIRST, l.uid_validity DESC`,
    [scope.grantId, messageId],
  );
}

/** Copies by UID in one folder. */
export interface Found {
  folderId: string;
  uidValidity: number;
  uids: number[];
}

/** Where the newest copies of a folder lie, the highest UID first; also those that went, until that is settled. */
export async function newestCopies(
  sql: Sql,
  scope: Scope,
  folderId: string,
  limit: number,
): Promise<{ uidValidity: number; uid: number }[]> {
  return sql.rows(
    `SELECT uid_validity AS "uidValidity", uid FROM message_locations
     WHERE application_id = $1 AND grant_id = $2 AND folder_id = $3
     ORDER BY uid_validity DESC, uid DESC LIMIT $4`,
    [scope.applicationId, scope.grantId, folderId, limit],
  );
}

/** The messages whose copies lie there, each once. */
export async function messagesAt(sql: Sql, scope: Scope, found: Found[]): Promise<string[]> {
  const places = found.flatMap(({ folderId, uidValidity, uids }) =>
    uids.map((uid) => ({ folderId, uidValidity, uid })),
  );
  if (places.length === 0) return [];
  const rows = await sql.rows<{ id: string }>(
    `SELECT DISTINCT l.message_id AS id FROM unnest($3::text[], $4::bigint[], $5::bigint[]) AS f (folder_id, uid_validity, uid)
     JOIN message_locations l ON l.grant_id = $2 AND l.folder_id = f.folder_id AND l.uid_validity = f.uid_validity AND l.uid = f.uid
     WHERE l.application_id = $1`,
    [
      scope.applicationId,
      scope.grantId,
      places.map((p) => p.folderId),
      places.map((p) => p.uidValidity),
      places.map((p) => p.uid),
    ],
  );
  return rows.map((row) => row.id);
}
