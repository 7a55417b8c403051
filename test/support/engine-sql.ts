/** SQL beside a running mailquay, as the engine sees the rows. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
// Numbers as the product reads them.
import '../../src/store/database.ts';
import { eventually } from './eventually.ts';

/** One statement on a connection of its own. */
export async function engineSql<T>(url: string, text: string, values?: unknown[]): Promise<T[]> {
  const client = new pg.Client(url);
  // The database may be dropped under a look that nobody waits for any more.
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(
      `SELECT set_config('mailquay.application_id', '00000000-0000-0000-0000-000000000000', false)`,
    );
    return (await client.query(text, values)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Lets the leases of a dead process be over, as a while would. */
export async function forgetLeases(url: string): Promise<void> {
  const [there] = await engineSql<{ leases: string | null }>(
    url,
    "SELECT to_regclass('leases')::text AS leases",
  );
  if (!there?.leases) return;
  await engineSql(url, "UPDATE leases SET expires_at = now() - interval '1 minute'");
  await engineSql(url, 'UPDATE grant_erasures SET claimed_until = NULL');
}

/** Runs with the URL of a database of its own on the server of the suite. */
export async function inFreshDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const server = process.env.DATABASE_URL || process.env.MAILQUAY_TEST_DATABASE_URL;
  if (!server) throw new Error('no PostgreSQL: see test/support/shared-postgres.ts');
  const name = `mailquay_${randomUUID().replaceAll('-', '')}`;
  await engineSql(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  try {
    await work(url.href);
  } finally {
    await eventually(() => engineSql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  }
}
