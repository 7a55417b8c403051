import type { Sql } from './database.ts';

/** Notes that an engine lives, and forgets those that were not heard of for `silentMs`, by the database's clock. */
export async function noteEngine(sql: Sql, owner: string, silentMs: number): Promise<void> {
  await sql.run(
    `INSERT INTO sync_engines (owner, seen_at) VALUES ($1, now())
     ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at`,
    [owner],
  );
  await sql.run(`DELETE FROM sync_engines WHERE seen_at < now() - $1 * interval '1 millisecond'`, [silentMs]);
}

/** An engine has ended, or all have. */
export async function forgetEngines(sql: Sql, owner: string | null): Promise<void> {
  await sql.run('DELETE FROM sync_engines WHERE $1::text IS NULL OR owner = $1', [owner]);
}

/** How many grants each engine should have, so that all are shared evenly. */
export async function fairShare(sql: Sql): Promise<number> {
  const [row] = await sql.rows<{ share: number }>(
    `SELECT ceil((SELECT count(*) FROM grants WHERE deleted_at IS NULL AND status = 'valid' AND provider = 'imap')
       / greatest(1.0, (SELECT count(*) FROM sync_engines)))::int AS share`,
    [],
  );
  return row?.share ?? 0;
}
