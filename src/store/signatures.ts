import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

/** A signature as it is stored. Times are unix milliseconds. */
export interface StoredSignature {
  id: string;
  name: string;
  body: string;
  createdAt: number;
  updatedAt: number;
}

const COLUMNS = `id, name, body, (extract(epoch FROM created_at) * 1000)::bigint AS "createdAt",
  (extract(epoch FROM updated_at) * 1000)::bigint AS "updatedAt"`;

/** Oldest first, after a position. */
export function listSignatures(
  sql: Sql,
  { applicationId, grantId }: Scope,
  after: { createdAt: number; id: string } | null,
  limit: number,
): Promise<StoredSignature[]> {
  return sql.rows<StoredSignature>(
    `SELECT ${COLUMNS} FROM signatures
     WHERE application_id = $1 AND grant_id = $2
       AND ($3::bigint IS NULL OR (created_at, id) > (to_timestamp($3::bigint / 1000.0), $4::uuid))
     ORDER BY created_at, id LIMIT $5`,
    [applicationId, grantId, after?.createdAt ?? null, after?.id ?? null, limit],
  );
}

export async function getSignature(
  sql: Sql,
  { applicationId, grantId }: Scope,
  id: string,
): Promise<StoredSignature | undefined> {
  const [row] = await sql.rows<StoredSignature>(
    `SELECT ${COLUMNS} FROM signatures WHERE application_id = $1 AND grant_id = $2 AND id = $3`,
    [applicationId, grantId, id],
  );
  return row;
}

/**
 * How many a grant has. Until the transaction ends nobody else adds one, nor deletes the grant; the sync goes on.
 * Undefined when the grant is gone.
 */
export async function lockSignatures(
  sql: Sql,
  { applicationId, grantId }: Scope,
): Promise<number | undefined> {
  const grants = await sql.rows(
    `SELECT 1 FROM grants WHERE application_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE`,
    [applicationId, grantId],
  );
  if (grants.length === 0) return undefined;
  const [row] = await sql.rows<{ count: number }>(
    'SELECT count(*) AS count FROM signatures WHERE application_id = $1 AND grant_id = $2',
    [applicationId, grantId],
  );
  return row?.count;
}

export async function insertSignature(
  sql: Sql,
  { applicationId, grantId }: Scope,
  signature: { id: string; name: string; body: string; now: Date },
): Promise<StoredSignature> {
  const [row] = await sql.rows<StoredSignature>(
    `INSERT INTO signatures (application_id, grant_id, id, name, body, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING ${COLUMNS}`,
    [applicationId, grantId, signature.id, signature.name, signature.body, signature.now],
  );
  return row!;
}

/** What is undefined stays. Undefined when there is no such signature. */
export async function updateSignature(
  sql: Sql,
  { applicationId, grantId }: Scope,
  id: string,
  change: { name?: string; body?: string; now: Date },
): Promise<StoredSignature | undefined> {
  const [row] = await sql.rows<StoredSignature>(
    `UPDATE signatures SET name = coalesce($4, name), body = coalesce($5, body), updated_at = $6
     WHERE application_id = $1 AND grant_id = $2 AND id = $3 RETURNING ${COLUMNS}`,
    [applicationId, grantId, id, change.name ?? null, change.body ?? null, change.now],
  );
  return row;
}

/** False when there is no such signature. */
export async function deleteSignature(
  sql: Sql,
  { applicationId, grantId }: Scope,
  id: string,
): Promise<boolean> {
  return (
    (await sql.run('DELETE FROM signatures WHERE application_id = $1 AND grant_id = $2 AND id = $3', [
      applicationId,
      grantId,
      id,
    ])) > 0
  );
}
