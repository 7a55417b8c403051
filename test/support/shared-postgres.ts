import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/store/embedded/start.ts';

/**
 * Vitest's global setup: one embedded PostgreSQL for the whole run, on which each file of tests makes a database of
 * its own. With DATABASE_URL that server is used instead. What is about the embedded server itself starts its own.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.DATABASE_URL) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'mailquay-shared-'));
  await chmod(directory, 0o711); // as root the server runs as somebody else, who must get in
  const log = { info: () => {}, warn: () => {} };
  const server = await startEmbeddedPostgres({ dataDir: join(directory, 'data'), log });
  const { host, user, database } = server.connection;
  // In a product nobody may make databases; here every file of tests does.
  const superuser = new pg.Client({ ...server.connection, user: 'postgres' });
  await superuser.connect();
  await superuser.query(`ALTER ROLE ${user} CREATEDB`);
  await superuser.end();
  process.env.MAILQUAY_TEST_DATABASE_URL = `postgres://${user}@${encodeURIComponent(host)}/${database}`;
  return async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
