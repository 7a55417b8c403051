import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

export interface SyncState {
  phase: 'initial' | 'live';
  startedAt: Date | null;
  initialDoneAt: Date | null;
  lastSuccessAt: Date | null;
  lastError: string | null;
}

const COLUMNS = `phase, started_at AS "startedAt", initial_done_at AS "initialDoneAt", last_success_at AS "lastSuccessAt",
  last_error AS "lastError"`;

/** The state of a grant's sync, made when it is not there yet. */
export async function ensureSyncState(sql: Sql, scope: Scope, now: Date): Promise<SyncState> {
  await sql.run(
    `INSERT INTO sync_states (application_id, grant_id, started_at) VALUES ($1, $2, $3) ON CONFLICT (grant_id) DO NOTHING`,
    [scope.applicationId, scope.grantId, now],
  );
  const [row] = await sql.rows<SyncState>(`SELECT ${COLUMNS} FROM sync_states WHERE grant_id = $1`, [
    scope.grantId,
  ]);
  if (!row) throw new Error('sync state vanished');
  return row;
}

/** Marks the end of the first sync; false when it was marked before. */
export async function finishInitial(sql: Sql, scope: Scope, now: Date): Promise<boolean> {
  const rows = await sql.run(
    `UPDATE sync_states SET phase = 'live', initial_done_at = $2 WHERE grant_id = $1 AND phase = 'initial'`,
    [scope.grantId, now],
  );
  return rows > 0;
}

/** Notes that everything known was in step at this moment. */
export async function noteSuccess(sql: Sql, scope: Scope, now: Date): Promise<void> {
  await sql.run('UPDATE sync_states SET last_success_at = $2, last_error = NULL WHERE grant_id = $1', [
    scope.grantId,
    now,
  ]);
}

/** Notes why the sync stands still: a code from a closed list, never content. */
export async function noteError(sql: Sql, scope: Scope, error: string): Promise<void> {
  await sql.run('UPDATE sync_states SET last_error = $2 WHERE grant_id = $1', [scope.grantId, error]);
}

/** Progress of the first sync: how much of the history that was there at connection is stored. */
export interface SyncProgress extends SyncState {
  total: number;
  done: number;
  folders: number;
}

export async function readProgress(sql: Sql, scope: Scope): Promise<SyncProgress | null> {
  const [row] = await sql.rows<SyncProgress>(
    `SELECT ${COLUMNS}, c.total, c.done, c.folders FROM sync_states s
     CROSS JOIN (SELECT coalesce(sum(history_total), 0)::bigint AS total, coalesce(sum(history_done), 0)::bigint AS done,
       count(*) AS folders FROM folder_cursors WHERE grant_id = $1) c
     WHERE s.grant_id = $1`,
    [scope.grantId],
  );
  return row ?? null;
}

/**
 * Holds the folders for one change of them; false when somebody else holds them. Where no sync has begun yet there is
 * nobody who could see half of a change, and nothing to hold.
 */
export async function holdFolders(sql: Sql, scope: Scope, now: Date, until: Date): Promise<boolean> {
  const [row] = await sql.rows<{ held: boolean }>(
    `WITH held AS (
       UPDATE sync_states SET folders_held_until = $4
       WHERE application_id = $1 AND grant_id = $2 AND (folders_held_until IS NULL OR folders_held_until <= $3)
       RETURNING 1)
     SELECT EXISTS (SELECT 1 FROM held)
       OR NOT EXISTS (SELECT 1 FROM sync_states WHERE application_id = $1 AND grant_id = $2) AS held`,
    [scope.applicationId, scope.grantId, now, until],
  );
  return row?.held ?? false;
}

/** Ends the hold that was taken until then. */
export async function releaseFolders(sql: Sql, scope: Scope, until: Date): Promise<void> {
  await sql.run(
    `UPDATE sync_states SET folders_held_until = NULL
     WHERE application_id = $1 AND grant_id = $2 AND folders_held_until = $3`,
    [scope.applicationId, scope.grantId, until],
  );
}

/** Notes a change of folders that the provider has accepted. */
export async function noteFolderChange(sql: Sql, scope: Scope, changeId: number): Promise<void> {
  await sql.run('UPDATE sync_states SET folder_change_id = $3 WHERE application_id = $1 AND grant_id = $2', [
    scope.applicationId,
    scope.grantId,
    changeId,
  ]);
}

/** Whether folders that were listed when `seenAt` was the newest change are still what is there. */
export async function mayBelieveListing(sql: Sql, scope: Scope, seenAt: number, now: Date): Promise<boolean> {
  const rows = await sql.rows(
    `SELECT 1 FROM sync_states WHERE grant_id = $1 AND (folder_change_id > $2 OR folders_held_until > $3)`,
    [scope.grantId, seenAt, now],
  );
  return rows.length === 0;
}
