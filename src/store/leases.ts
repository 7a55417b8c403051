import type { Sql } from './database.ts';

/** The right to write for one grant; `token` grows with every new owner. */
export interface Lease {
  grantId: string;
  owner: string;
  token: number;
}

/** Thrown when a write comes too late: another process owns the grant, or the grant was deleted. */
export class LeaseLostError extends Error {
  override name = 'LeaseLostError';
}

/**
 * Leases and back-offs are by the database's clock: processes whose own clocks differ must not take grants from each other.
 * What lasts longer than any lease or back-off may was written before that clock was set back, and is over.
 */
const isOver = (column: string, longestMs: number) =>
  `(${column} <= now() OR ${column} > now() + ${longestMs} * interval '1 millisecond')`;
/** Above what anybody asks for, because the one who wrote it may have begun later than the one who reads it. */
const LONGEST_LEASE_MS = 5 * 60_000;
const LONGEST_BACKOFF_MS = 2 * 60 * 60_000;
const FREE = `${isOver('l.expires_at', LONGEST_LEASE_MS)} AND (l.not_before IS NULL OR ${isOver('l.not_before', LONGEST_BACKOFF_MS)})`;

/** Grants without an owner whose back-off is over, oldest lease first. */
export async function findClaimable(
  sql: Sql,
  limit: number,
): Promise<{ grantId: string; applicationId: string }[]> {
  return sql.rows(
    `SELECT g.id AS "grantId", g.application_id AS "applicationId"
     FROM grants g LEFT JOIN leases l ON l.grant_id = g.id
     WHERE g.deleted_at IS NULL AND g.status = 'valid' AND g.provider = 'imap'
       AND (l.grant_id IS NULL OR (${FREE}))
     ORDER BY l.expires_at NULLS FIRST LIMIT $1`,
    [limit],
  );
}

/** Takes a grant for `ms` if it is free; null when somebody was faster. */
export async function claim(sql: Sql, grantId: string, owner: string, ms: number): Promise<Lease | null> {
  const [row] = await sql.rows<{ token: number }>(
    `INSERT INTO leases AS l (grant_id, owner, token, expires_at) VALUES ($1, $2, 1, now() + $3 * interval '1 millisecond')
     ON CONFLICT (grant_id) DO UPDATE SET owner = excluded.owner, token = l.token + 1, expires_at = excluded.expires_at
     WHERE ${FREE}
     RETURNING token`,
    [grantId, owner, ms],
  );
  return row ? { grantId, owner, token: row.token } : null;
}

/** Prolongs all leases of an owner by `ms` from now, in one statement; returns the grants that are still its own. */
export async function renew(sql: Sql, leases: Lease[], ms: number): Promise<Set<string>> {
  const rows = await sql.rows<{ grant_id: string }>(
    `UPDATE leases l SET expires_at = now() + $3 * interval '1 millisecond'
     FROM unnest($1::uuid[], $2::bigint[]) AS held (grant_id, token)
     WHERE l.grant_id = held.grant_id AND l.token = held.token RETURNING l.grant_id`,
    [leases.map((l) => l.grantId), leases.map((l) => l.token), ms],
  );
  return new Set(rows.map((r) => r.grant_id));
}

/** Gives a grant back. `waitMs` keeps everybody off it for so long; `failures` is how often in a row it failed (null: as it was). */
export async function release(
  sql: Sql,
  lease: Lease,
  waitMs: number | null,
  failures: number | null,
): Promise<void> {
  await sql.run(
    `UPDATE leases SET expires_at = now(), not_before = now() + $3 * interval '1 millisecond',
       failures = coalesce($4, failures)
     WHERE grant_id = $1 AND token = $2`,
    [lease.grantId, lease.token, waitMs, failures],
  );
}

/** Frees all grants, when it is certain that none of their owners lives. */
export async function freeLeases(sql: Sql): Promise<void> {
  await sql.run(
    'UPDATE leases SET token = token + 1, expires_at = to_timestamp(0) WHERE expires_at > to_timestamp(0)',
  );
}

/** How often in a row the sync of a grant has failed. */
export async function failuresOf(sql: Sql, grantId: string): Promise<number> {
  const [row] = await sql.rows<{ failures: number }>('SELECT failures FROM leases WHERE grant_id = $1', [
    grantId,
  ]);
  return row?.failures ?? 0;
}

/** Records that a sync succeeded, so that the next failure starts from the shortest back-off. */
export async function resetFailures(sql: Sql, lease: Lease): Promise<void> {
  await sql.run('UPDATE leases SET failures = 0 WHERE grant_id = $1 AND token = $2 AND failures > 0', [
    lease.grantId,
    lease.token,
  ]);
}

/** Takes a grant from whoever syncs it, and lets it be claimed at once: its credentials have changed. */
export async function revokeLease(sql: Sql, grantId: string): Promise<void> {
  await sql.run(
    `UPDATE leases SET token = token + 1, expires_at = to_timestamp(0), not_before = NULL, failures = 0
     WHERE grant_id = $1`,
    [grantId],
  );
}

/**
 * The fence in front of every write of the sync: locks the lease against a new owner until the
 * transaction ends, or throws {@link LeaseLostError}.
 */
export async function assertHeld(sql: Sql, lease: Lease): Promise<void> {
  const rows = await sql.rows(
    'SELECT 1 FROM leases WHERE grant_id = $1 AND owner = $2 AND token = $3 FOR SHARE',
    [lease.grantId, lease.owner, lease.token],
  );
  if (rows.length === 0) throw new LeaseLostError('The grant has a new owner or is gone.');
}
