import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type pg from 'pg';
import { StartupError } from '../platform/errors.ts';
import { faultPoint } from '../platform/fault-point.ts';

const MIGRATIONS = new URL('./migrations/', import.meta.url);
/** Key of the advisory lock that lets one process migrate while others wait ("mquay" in ASCII). */
const MIGRATION_LOCK = 0x6d71756179;

/**
 * Brings the schema up to date: forward only, each file in one transaction, under an advisory lock,
 * so that several processes may start at once and a killed migration leaves nothing half done.
 * Returns the names of the files that were applied.
 */
export async function migrate(client: pg.ClientBase): Promise<string[]> {
  const files = (await readdir(MIGRATIONS)).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).sort();
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    await client.query(`CREATE TABLE IF NOT EXISTS migrations (
      name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    await client.query(
      `COMMENT ON TABLE migrations IS 'kind: queue. Which files of src/store/migrations have been applied.'`,
    );
    await faultPoint('migrate.after_lock');
    const done = new Map<string, string>(
      (await client.query('SELECT name, sha256 FROM migrations')).rows.map((r) => [r.name, r.sha256]),
    );
    const applied: string[] = [];
    for (const name of files) {
      const text = await readFile(new URL(name, MIGRATIONS), 'utf8');
      const sha256 = createHash('sha256').update(text).digest('hex');
      const before = done.get(name);
      if (before === sha256) continue;
      if (before) {
        throw new StartupError(
          `Migration ${name} was changed after it had been applied to this database. Migrations are forward only: add a new file.`,
        );
      }
      await client.query('BEGIN');
      try {
        await client.query(text);
        await faultPoint('migrate.before_record');
        await client.query('INSERT INTO migrations (name, sha256) VALUES ($1, $2)', [name, sha256]);
        await faultPoint('migrate.before_commit');
        await client.query('COMMIT');
        await faultPoint('migrate.after_commit');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
      applied.push(name);
    }
    return applied;
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  }
}
