import pg from 'pg';
import type { DatabaseTarget } from './database.ts';

/** The role that a superuser's connections take on. */
const ROLE = 'mailquay_app';

/**
 * Row-level security does not bind superusers. When DATABASE_URL names one, all sessions take on an ordinary role,
 * which is made here if need be; otherwise the target is returned as it is.
 */
export async function asOrdinaryRole(target: DatabaseTarget): Promise<DatabaseTarget> {
  const client = new pg.Client(target);
  try {
    await client.connect();
  } catch {
    // The caller connects next and explains.
    return target;
  }
  try {
    const { rows } = await client.query(
      'SELECT rolsuper OR rolbypassrls AS unbound, current_database() AS name FROM pg_roles WHERE rolname = current_user',
    );
    if (!rows[0]?.unbound) return target;
    await client.query(`DO $$ BEGIN
      IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '${ROLE}') THEN
        CREATE ROLE ${ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS;
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another process was faster
    END $$`);
    await client.query(`GRANT ${ROLE} TO CURRENT_USER`);
    await client.query(`GRANT CREATE ON DATABASE ${pg.escapeIdentifier(rows[0].name)} TO ${ROLE}`);
    await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${ROLE}`);
    return { ...target, options: `-c role=${ROLE}` };
  } finally {
    await client.end();
  }
}
