import type { Sql } from './database.ts';

/** Rows of a table that one transaction erases. */
const BATCH = 2_000;

export interface Erasure {
  grantId: string;
  requestedAt: Date;
}

/** Claims a deleted grant whose data is to be erased; null when there is none. */
export async function claimErasure(sql: Sql, now: Date, until: Date): Promise<Erasure | null> {
  const [row] = await sql.rows<Erasure>(
    `UPDATE grant_erasures e SET claimed_until = $2 WHERE e.grant_id = (
       SELECT grant_id FROM grant_erasures WHERE claimed_until IS NULL OR claimed_until < $1
       ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING e.grant_id AS "grantId", e.requested_at AS "requestedAt"`,
    [now, until],
  );
  return row ?? null;
}

/** Puts an erasure off: the next pass comes at `until`. */
export async function postponeErasure(sql: Sql, grantId: string, until: Date): Promise<void> {
  await sql.run('UPDATE grant_erasures SET claimed_until = $2 WHERE grant_id = $1', [grantId, until]);
}

/** Tables from the leaves up, with the columns of their primary key beside grant_id. */
const TABLES: [table: string, key: string][] = [
  ['change_holds', 'message_id'],
  ['signatures', 'id'],
  ['message_locations', 'folder_id, uid_validity, uid'],
  ['message_bodies', 'message_id'],
  ['message_search', 'message_id'],
  ['messages', 'id'],
  ['thread_keys', 'key'],
  ['threads', 'id'],
  ['sync_failures', 'folder_id, uid_validity, uid'],
  ['folder_cursors', 'folder_id'],
  ['folders', 'id'],
  ['sync_states', 'grant_id'],
];

/** Erases one batch of a grant's rows; false when nothing was left. */
export async function eraseBatch(sql: Sql, grantId: string): Promise<boolean> {
  for (const [table, key] of TABLES) {
    const erased = await sql.run(
      `DELETE FROM ${table} WHERE grant_id = $1 AND (${key}) IN (SELECT ${key} FROM ${table} WHERE grant_id = $1 LIMIT ${BATCH})`,
      [grantId],
    );
    if (erased > 0) return true;
  }
  return false;
}

/** Ends an erasure: the grant's own row, its lease, and the order to erase. Its events stay; they hold ids only. */
export async function finishErasure(sql: Sql, grantId: string): Promise<void> {
  await sql.run('DELETE FROM leases WHERE grant_id = $1', [grantId]);
  await sql.run('DELETE FROM grants WHERE id = $1', [grantId]);
  await sql.run('DELETE FROM grant_erasures WHERE grant_id = $1', [grantId]);
}
