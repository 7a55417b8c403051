import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer } from '../../src/cli/serve.ts';
import { readConfig } from '../../src/platform/config.ts';
import type { DatabaseTarget } from '../../src/store/database.ts';
import { asOrdinaryRole } from '../../src/store/ordinary-role.ts';
import { OPEN_TO_READERS } from '../support/catalog.ts';
import { addApplication, addMailbox, type FixtureMailbox } from '../support/fixture.ts';
import { freshDatabase, openTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let client: pg.Client;
/** Tables behind the wall, and the column that names the application. */
let walled: { name: string; owner: string }[];
let one: FixtureMailbox;
let other: FixtureMailbox;

beforeAll(async () => {
  database = await openTestDatabase();
  client = new pg.Client(database.target);
  await client.connect();
  const { rows } = await client.query(
    `SELECT relname::text AS name, CASE relname WHEN 'applications' THEN 'id' ELSE 'application_id' END AS owner
     FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND relname <> $1 ORDER BY 1`,
    [OPEN_TO_READERS],
  );
  walled = rows;
  [one, other] = (await Promise.all(['one', 'other'].map(fill))) as [FixtureMailbox, FixtureMailbox];
});
afterAll(async () => {
  await client?.end();
  await database?.close();
});

/** An application with at least one row in every table behind the wall. */
async function fill(name: string): Promise<FixtureMailbox> {
  const { db } = database;
  const { id } = await addApplication(db, name);
  const mailbox = await addMailbox(db, id, `${name}@example.org`, [{ subject: `a secret of ${name}` }, {}]);
  const { grantId, folders, messages } = mailbox;
  await db.tenant(id, async (sql) => {
    const ids = [id, grantId];
    await sql.run(
      'INSERT INTO folder_cursors (application_id, grant_id, folder_id, uid_validity, uid_next, backfill_uid, live_from) VALUES ($1, $2, $3, 1, 1, 1, 1)',
      [...ids, folders.inbox],
    );
    await sql.run(
      'INSERT INTO thread_keys (application_id, grant_id, key, thread_id) VALUES ($1, $2, $3, $4)',
      [...ids, Buffer.from(name), messages[0]?.threadId],
    );
    await sql.run(
      `INSERT INTO sync_failures (application_id, grant_id, folder_id, uid_validity, uid, attempts, reason, next_attempt_at)
       VALUES ($1, $2, $3, 1, 9, 1, 'test', $4)`,
      [...ids, folders.inbox, new Date()],
    );
    await sql.run('INSERT INTO sync_states (application_id, grant_id) VALUES ($1, $2)', ids);
    await sql.run(
      `INSERT INTO events (id, application_id, grant_id, type, object_id, data) VALUES ($3, $1, $2, 'grant.created', 'x', '{}')`,
      [...ids, randomUUID()],
    );
    await sql.run(
      'INSERT INTO signatures (application_id, grant_id, id, name, body, created_at, updated_at) VALUES ($1, $2, $3, $4, $4, $5, $5)',
      [...ids, randomUUID(), name, new Date()],
    );
    await sql.run(
      'INSERT INTO change_holds (application_id, grant_id, message_id, holder, held_until) VALUES ($1, $2, $3, $4, $5)',
      [...ids, messages[0]?.id, randomUUID(), new Date()],
    );
    await sql.run(
      `INSERT INTO redirect_uris (application_id, id, url, platform) VALUES ($1, $2, 'https://x.example/', 'web')`,
      [id, randomUUID()],
    );
    await sql.run(
      `INSERT INTO service_accounts (application_id, id, name, public_key) VALUES ($1, $2, $3, 'x')`,
      [id, randomUUID(), name],
    );
    await sql.run(
      `INSERT INTO rate_windows (application_id, bucket, taken, ends_at) VALUES ($1, 'x', 1, now())`,
      [id],
    );
  });
  return mailbox;
}

async function ownersSeen(enter: string | null, name: string, owner: string): Promise<string[]> {
  await client.query('BEGIN');
  if (enter !== null) await client.query('SELECT mailquay_enter($1)', [enter]);
  const { rows } = await client.query(`SELECT DISTINCT ${owner}::text AS owner FROM ${name} ORDER BY 1`);
  await client.query('COMMIT');
  return rows.map((row) => row.owner);
}

describe('the second wall', () => {
  it('stands before every table that holds something of an application', () => {
    const behind = walled.map(({ name }) => name);
    expect(behind).toEqual(expect.arrayContaining(['applications', 'grants', 'messages', 'events']));
    expect(behind.length).toBeGreaterThanOrEqual(12);
  });

  it('shows an application its own rows only, also to a statement that forgets to ask', async () => {
    for (const { name, owner } of walled) {
      expect(await ownersSeen(one.applicationId, name, owner), name).toEqual([one.applicationId]);
      expect(await ownersSeen(other.applicationId, name, owner), name).toEqual([other.applicationId]);
      const rows = await database.db.tenant(one.applicationId, (sql) =>
        sql.rows<{ owner: string }>(`SELECT ${owner}::text AS owner FROM ${name}`),
      );
      expect(new Set(rows.map((row) => row.owner)), name).toEqual(new Set([one.applicationId]));
    }
  });

  it('shows nothing to a session that has entered no application, or has left it', async () => {
    for (const { name, owner } of walled) {
      expect(await ownersSeen(null, name, owner), name).toEqual([]);
      expect(await ownersSeen('', name, owner), name).toEqual([]);
    }
    // Right after a transaction that had entered one, on the same connection.
    await ownersSeen(one.applicationId, 'messages', 'application_id');
    expect(await ownersSeen(null, 'messages', 'application_id')).toEqual([]);
  });

  it('shows the engine everything', async () => {
    for (const { name, owner } of walled) {
      const seen = await ownersSeen('00000000-0000-0000-0000-000000000000', name, owner);
      expect(seen, name).toEqual([one.applicationId, other.applicationId].sort());
    }
  });

  it('lets no statement change, delete or make rows of another application', async () => {
    const { db } = database;
    await db.tenant(one.applicationId, async (sql) => {
      const foreign = [other.grantId];
      expect(await sql.run('UPDATE messages SET unread = NOT unread WHERE grant_id = $1', foreign)).toBe(0);
      expect(await sql.run('DELETE FROM message_locations WHERE grant_id = $1', foreign)).toBe(0);
    });
    for (const { name, owner } of walled) {
      const steal = `UPDATE ${name} SET ${owner} = $1`;
      await expect(
        db.tenant(one.applicationId, (sql) => sql.run(steal, [other.applicationId])),
        name,
      ).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|23503|23505)$/) });
    }
    const plant = `INSERT INTO events (id, application_id, type, object_id, data) VALUES ($1, $2, 'grant.created', 'x', '{}')`;
    await expect(
      db.tenant(one.applicationId, (sql) => sql.run(plant, [randomUUID(), other.applicationId])),
    ).rejects.toMatchObject({ code: '42501' });
  });

  it('takes nothing but an application id', async () => {
    await expect(database.db.tenant(`'; RESET ROLE; --`, async () => 1)).rejects.toThrow(
      'not an application id',
    );
    await expect(database.db.tenant('', async () => 1)).rejects.toThrow('not an application id');
  });
});

describe('a superuser in DATABASE_URL', () => {
  it('is given up for an ordinary role, in every session of a running mailquay', async ({ skip }) => {
    const { url, drop } = await freshDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), 'mailquay-wall-'));
    const asSuperuser = new URL(url);
    asSuperuser.username = 'postgres';
    const superuser = new pg.Client(asSuperuser.href);
    const reached = await superuser.connect().then(
      () => true,
      () => false,
    );
    if (!reached) {
      await drop();
      await rm(dataDir, { recursive: true });
      skip('the PostgreSQL of DATABASE_URL lets no superuser in');
    }
    try {
      const role = await superuser.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user');
      expect(role.rows).toEqual([{ rolsuper: true }]);

      const server = await startServer(
        readConfig({
          DATABASE_URL: asSuperuser.href,
          MAILQUAY_DATA_DIR: dataDir,
          MAILQUAY_PORT: '0',
          MAILQUAY_LOG_LEVEL: 'fatal',
        }),
      );
      try {
        const { db, target } = server.instance.database;
        const [session] = await db.engine((sql) =>
          sql.rows<{ who: string; unbound: boolean }>(
            'SELECT current_user AS who, rolsuper OR rolbypassrls AS unbound FROM pg_roles WHERE rolname = current_user',
          ),
        );
        expect(session).toEqual({ who: 'mailquay_app', unbound: false });
        const { id } = await addApplication(db, 'another');
        const seen = await db.tenant(id, (sql) => sql.rows<{ id: string }>('SELECT id FROM applications'));
        expect(seen.map((row) => row.id)).toEqual([id]);
        // The tables belong to that role, and a second process goes the same way.
        const again = await asOrdinaryRole({ connectionString: asSuperuser.href } as DatabaseTarget);
        expect(again).toMatchObject({ options: '-c role=mailquay_app' });
        expect(target).toMatchObject({ options: '-c role=mailquay_app' });
        const owners = await superuser.query(
          `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'`,
        );
        expect(owners.rows).toEqual([{ tableowner: 'mailquay_app' }]);
      } finally {
        await server.stop();
      }
    } finally {
      await superuser.end();
      await drop();
      await rm(dataDir, { recursive: true });
    }
  });

  it('is no matter for an ordinary role, which stays itself', async () => {
    expect(await asOrdinaryRole(database.target)).toEqual(database.target);
  });
});

describe('a backend that is killed', () => {
  const kill = (pid: number) => client.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
  const pidOf = async (sql: { rows<T>(text: string): Promise<T[]> }) =>
    (await sql.rows<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]!.pid;

  it('in the middle of a transaction fails that one and nothing else', async () => {
    const { db } = database;
    const before = await db.engine((sql) => sql.rows('SELECT id FROM applications ORDER BY id'));
    const uncaught: unknown[] = [];
    const note = (error: unknown) => uncaught.push(error);
    process.on('uncaughtExceptionMonitor', note);
    try {
      await expect(
        db.engine(async (sql) => {
          await sql.run(`INSERT INTO applications (id, name) VALUES ($1, 'lost')`, [randomUUID()]);
          await kill(await pidOf(sql));
          await new Promise((done) => setTimeout(done, 100));
          return sql.rows('SELECT 1');
        }),
      ).rejects.toThrow();
      // While a statement runs, and while nobody waits for one.
      await expect(
        db.engine(async (sql) => {
          const pid = await pidOf(sql);
          const [asleep] = await Promise.allSettled([
            sql.rows('SELECT pg_sleep(30)'),
            new Promise((done) => setTimeout(done, 100)).then(() => kill(pid)),
          ]);
          if (asleep.status === 'rejected') throw asleep.reason;
        }),
      ).rejects.toMatchObject({ code: '57P01' });
      await Promise.all(Array.from({ length: 20 }, () => db.engine((sql) => sql.rows('SELECT 1'))));
      await client.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'mailquay'`,
      );
      await new Promise((done) => setTimeout(done, 200));
      expect(await db.engine((sql) => sql.rows('SELECT id FROM applications ORDER BY id'))).toEqual(before);
    } finally {
      process.off('uncaughtExceptionMonitor', note);
    }
    expect(uncaught).toEqual([]);
  });
});
