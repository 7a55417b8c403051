import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

export interface FolderRow {
  id: string;
  path: string;
  name: string;
  delimiter: string | null;
  parentId: string | null;
  /** The server's own stable id, where it has one. */
  remoteId: string | null;
  specialUse: string | null;
  attributes: string[];
  selectable: boolean;
  totalCount: number;
  unreadCount: number;
}

const COLUMNS = `id, path, name, delimiter, parent_id AS "parentId", remote_id AS "remoteId", special_use AS "specialUse", attributes, selectable,
  total_count AS "totalCount", unread_count AS "unreadCount"`;

/** All folders of a grant that are there at the provider. */
export async function listFolders(sql: Sql, scope: Scope): Promise<FolderRow[]> {
  return sql.rows(`SELECT ${COLUMNS} FROM folders WHERE grant_id = $1 AND deleted_at IS NULL ORDER BY path`, [
    scope.grantId,
  ]);
}

/** True while a folder is there at the provider, as far as the store knows. */
export async function isThere(sql: Sql, scope: Scope, id: string): Promise<boolean> {
  const rows = await sql.rows(
    'SELECT 1 FROM folders WHERE grant_id = $1 AND id = $2 AND deleted_at IS NULL',
    [scope.grantId, id],
  );
  return rows.length > 0;
}

/** Moves folders aside, so that others can take their paths in the same transaction. */
export async function freePaths(sql: Sql, scope: Scope, ids: string[]): Promise<void> {
  await sql.run(`UPDATE folders SET path = E'\\x01' || id WHERE grant_id = $1 AND id = ANY($2::text[])`, [
    scope.grantId,
    ids,
  ]);
}

/** Marks folders as gone at the provider; their rows stay for the copies that are still to be settled. */
export async function retireFolders(sql: Sql, scope: Scope, ids: string[], now: Date): Promise<void> {
  await sql.run('UPDATE folders SET deleted_at = $3 WHERE grant_id = $1 AND id = ANY($2::text[])', [
    scope.grantId,
    ids,
    now,
  ]);
}

/** Ids of folders that are gone and whose copies are not settled yet. */
export async function retiredFolderIds(sql: Sql, scope: Scope): Promise<string[]> {
  const rows = await sql.rows<{ id: string }>(
    'SELECT id FROM folders WHERE grant_id = $1 AND deleted_at IS NOT NULL',
    [scope.grantId],
  );
  return rows.map((row) => row.id);
}

/** Deletes retired folders that hold no copy any more. */
export async function deleteRetiredFolders(sql: Sql, scope: Scope): Promise<void> {
  await sql.run(
    `DELETE FROM folders f WHERE f.grant_id = $1 AND f.deleted_at IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM message_locations l WHERE l.grant_id = $1 AND l.folder_id = f.id)`,
    [scope.grantId],
  );
}

export type NewFolder = Omit<FolderRow, 'totalCount' | 'unreadCount'>;

/** Inserts or updates folders by id, in one statement. */
export async function upsertFolders(sql: Sql, scope: Scope, folders: NewFolder[], now: Date): Promise<void> {
  if (folders.length === 0) return;
  await sql.run(
    `INSERT INTO folders (application_id, grant_id, id, path, name, delimiter, parent_id, remote_id, special_use, attributes, selectable, created_at, updated_at)
     SELECT $1, $2, f.id, f.path, f.name, f.delimiter, f."parentId", f."remoteId", f."specialUse", f.attributes, f.selectable, $4, $4
     FROM json_to_recordset($3::json) AS f (id text, path text, name text, delimiter text, "parentId" text, "remoteId" text, "specialUse" text,
       attributes text[], selectable boolean)
     ON CONFLICT (grant_id, id) DO UPDATE SET path = excluded.path, name = excluded.name, delimiter = excluded.delimiter,
       parent_id = excluded.parent_id, remote_id = excluded.remote_id, special_use = excluded.special_use, attributes = excluded.attributes,
       selectable = excluded.selectable, updated_at = excluded.updated_at`,
    [scope.applicationId, scope.grantId, JSON.stringify(folders), now],
  );
}

/** Moves the counts of folders by what a transaction has changed. */
export async function addFolderCounts(
  sql: Sql,
  scope: Scope,
  deltas: Map<string, { total: number; unread: number }>,
): Promise<void> {
  const changed = [...deltas].filter(([, d]) => d.total !== 0 || d.unread !== 0);
  if (changed.length === 0) return;
  await sql.run(
    `UPDATE folders f SET total_count = f.total_count + d.total, unread_count = f.unread_count + d.unread
     FROM unnest($2::text[], $3::int[], $4::int[]) AS d (id, total, unread)
     WHERE f.grant_id = $1 AND f.id = d.id`,
    [
      scope.grantId,
      changed.map(([id]) => id),
      changed.map(([, d]) => d.total),
      changed.map(([, d]) => d.unread),
    ],
  );
}
