import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Database, type DatabaseTarget } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded/start.ts';
import { migrate } from '../../src/store/migrate.ts';

export interface TestDatabase {
  db: Database;
  target: DatabaseTarget;
  close(): Promise<void>;
}

/** A migrated database of its own: on the server of `DATABASE_URL` if set, else on an embedded one. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const { target, drop } = process.env.DATABASE_URL
    ? await createOn(process.env.DATABASE_URL)
    : await startEmbedded();
  const client = new pg.Client(target);
  await client.connect();
  await migrate(client);
  await client.end();
  const db = new Database(target);
  return {
    db,
    target,
    close: async () => {
      await db.close();
      await drop();
    },
  };
}

async function createOn(url: string): Promise<{ target: DatabaseTarget; drop: () => Promise<void> }> {
  const name = `mailquay_test_${randomUUID().replaceAll('-', '')}`;
  const run = async (statement: string) => {
    const client = new pg.Client(url);
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await run(`CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { target: { connectionString: own.href }, drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`) };
}

async function startEmbedded(): Promise<{ target: DatabaseTarget; drop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mailquay-test-'));
  const server = await startEmbeddedPostgres({ dataDir, log: { info: () => {}, warn: () => {} } });
  return {
    target: server.connection,
    drop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
