import type { Sql } from '../database.ts';
import type { Scope } from '../scope.ts';

export interface ListedFolder {
  id: string;
  path: string;
  name: string;
  parentId: string | null;
  specialUse: string | null;
  attributes: string[];
  totalCount: number;
  unreadCount: number;
  childCount: number;
}

const SELECT = `SELECT f.id, f.path, f.name, f.parent_id AS "parentId", f.special_use AS "specialUse", f.attributes,
  f.total_count AS "totalCount", f.unread_count AS "unreadCount",
  (SELECT count(*) FROM folders c WHERE c.grant_id = $2 AND c.parent_id = f.id AND c.deleted_at IS NULL) AS "childCount"
  FROM folders f WHERE f.application_id = $1 AND f.grant_id = $2 AND f.deleted_at IS NULL`;

/** Folders in the order of their paths, after one of them. */
export async function listFolderRows(
  sql: Sql,
  scope: Scope,
  afterPath: string | null,
  limit: number,
): Promise<ListedFolder[]> {
  return sql.rows<ListedFolder>(`${SELECT} AND ($3::text IS NULL OR f.path > $3) ORDER BY f.path LIMIT $4`, [
    scope.applicationId,
    scope.grantId,
    afterPath,
    limit,
  ]);
}

export async function getFolderRow(sql: Sql, scope: Scope, id: string): Promise<ListedFolder | undefined> {
  const [row] = await sql.rows<ListedFolder>(`${SELECT} AND f.id = $3`, [
    scope.applicationId,
    scope.grantId,
    id,
  ]);
  return row;
}

/** Which of these ids are folders of the grant. */
export async function existingFolderIds(sql: Sql, scope: Scope, ids: string[]): Promise<Set<string>> {
  const rows = await sql.rows<{ id: string }>(
    'SELECT id FROM folders WHERE application_id = $1 AND grant_id = $2 AND id = ANY($3) AND deleted_at IS NULL',
    [scope.applicationId, scope.grantId, ids],
  );
  return new Set(rows.map((row) => row.id));
}
