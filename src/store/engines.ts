import type { Sql } from './database.ts';

/** Notes that an engine lives, and forgets those that were not heard of since `since`. */
export async function noteEngine(sql: Sql, owner: string, now: Date, since: Date): Promise<void> {
  await sql.run(
    `INSERT INTO sync_engines (owner, seen_at) VALUES ($1, $2)
     ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at`,
    [owner, now],
  );
  await sql.run('DELETE FROM sync_engines WHERE seen_at < $1', [since]);
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
