import type { Sql } from './database.ts';

/**
 * Counts what is in tables that have changed by more than a third since they were last counted (ANALYZE), so that the
 * planner knows them. Autovacuum does so once a minute; until then a first sync runs on plans made for empty tables,
 * and goes through all mail of a grant for each of its threads. Large tables change slowly, and are left to autovacuum.
 * Of several processes one counts at a time.
 */
export async function analyzeGrown(sql: Sql): Promise<void> {
  await sql.run(`DO $$
    DECLARE grown regclass;
    BEGIN
      IF NOT pg_try_advisory_xact_lock(hashtextextended('mailquay table statistics', 0)) THEN RETURN; END IF;
      FOR grown IN SELECT relid FROM pg_stat_user_tables
        WHERE schemaname = 'public' AND n_live_tup BETWEEN 100 AND 200000
          AND n_mod_since_analyze > n_live_tup / 3
      LOOP
        EXECUTE format('ANALYZE %s', grown);
      END LOOP;
    END $$`);
}
