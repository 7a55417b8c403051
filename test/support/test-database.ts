import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Database, type DatabaseTarget } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { asOrdinaryRole } from '../../src/store/ordinary-role.ts';

export interface TestDatabase {
  db: Database;
  target: DatabaseTarget;
  close(): Promise<void>;
}

/** A migrated database of its own, reached as the product reaches it. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const { url, drop } = await freshDatabase();
  const target = await asOrdinaryRole({ connectionString: url });
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

/** An empty database: on the server of `DATABASE_URL` if set, else on the one that shared-postgres.ts has started. */
export async function freshDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const server = process.env.DATABASE_URL || process.env.MAILQUAY_TEST_DATABASE_URL;
  if (!server) throw new Error('no PostgreSQL for tests: run them through Vitest, or set DATABASE_URL');
  const name = `mailquay_test_${randomUUID().replaceAll('-', '')}`;
  const run = async (statement: string) => {
    const client = new pg.Client(server);
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await run(`CREATE DATABASE ${name}`);
  const own = new URL(server);
  own.pathname = `/${name}`;
  return {
    url: own.href,
    drop: async () => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await run(`DROP DATABASE ${name} WITH (FORCE)`);
        } catch (error) {
          // An autovacuum worker is in it, which an ordinary role may not end: it is done soon.
          if ((error as { code?: string }).code !== '42501' || attempt === 20) throw error;
          await sleep(500);
        }
      }
    },
  };
}
