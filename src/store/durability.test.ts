import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertDurable, assertVersion, NotDurableError, ServerVersionError } from './durability.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/start.ts';

const silent = { info: () => {}, warn: () => {} };

describe('durability of the server', () => {
  let directory: string;
  let server: EmbeddedPostgres;
  let client: pg.Client;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mq-durable-'));
    await chmod(directory, 0o711); // as root the server runs as somebody else, who must get in
    server = await startEmbeddedPostgres({ dataDir: join(directory, 'data'), log: silent });
    client = new pg.Client(server.connection);
    await client.connect();
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('holds for the embedded server as it comes', async () => {
    await assertDurable(client);
    await assertVersion(client);
  });

  it.each(['on', 'local', 'remote_write', 'remote_apply'])(
    'accepts synchronous_commit = %s',
    async (value) => {
      await client.query(`SET synchronous_commit = ${value}`);
      await assertDurable(client);
    },
  );

  it('refuses synchronous_commit = off, by name', async () => {
    await client.query('SET synchronous_commit = off');
    await expect(assertDurable(client)).rejects.toThrow(/synchronous_commit = off/);
    await client.query('RESET synchronous_commit');
  });

  it.each(['fsync', 'full_page_writes'])('refuses %s = off, by name', async (setting) => {
    const admin = new pg.Client({ ...server.connection, user: 'postgres' });
    await admin.connect();
    try {
      await admin.query(`ALTER SYSTEM SET ${setting} = off`);
      await admin.query('SELECT pg_reload_conf()');
      await expect
        .poll(async () => (await client.query(`SHOW ${setting}`)).rows[0][setting], { timeout: 5_000 })
        .toBe('off');
      const refusal = await assertDurable(client).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(NotDurableError);
      expect(refusal).toMatchObject({ setting });
    } finally {
      await admin.query(`ALTER SYSTEM RESET ${setting}`);
      await admin.query('SELECT pg_reload_conf()');
      await admin.end();
    }
    await expect
      .poll(async () => (await client.query(`SHOW ${setting}`)).rows[0][setting], { timeout: 5_000 })
      .toBe('on');
  });

  it('refuses data_sync_retry = on, by name (ST3)', async () => {
    // As the server itself would have it after a restart, which the setting needs.
    const believing = {
      query: async (sql: string) =>
        client.query(sql.replace('pg_settings', `(VALUES ('data_sync_retry', 'on')) AS s (name, setting)`)),
    };
    await expect(assertDurable(believing)).rejects.toThrow(/data_sync_retry = on.*Set data_sync_retry = off/);
    expect((await client.query('SHOW data_sync_retry')).rows).toEqual([{ data_sync_retry: 'off' }]);
  });

  it('refuses a server older than 15', async () => {
    const old = { query: async () => ({ rows: [{ number: 140_012, name: '14.12' }] }) };
    await expect(assertVersion(old)).rejects.toThrow(ServerVersionError);
    const oldest = { query: async () => ({ rows: [{ number: 150_000, name: '15.0' }] }) };
    await assertVersion(oldest);
  });
});
