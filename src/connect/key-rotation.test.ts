import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../../test/support/test-database.ts';
import { rotateKeys, showKeys } from '../cli/keys.ts';
import { keyFilePath, readKeyFile } from '../platform/key-file.ts';
import { keyIdOf, MasterKey } from '../platform/master-key.ts';
import { PLAIN_BYTE_COLUMNS, readSecrets, SECRET_COLUMNS, type Secrets } from '../platform/secrets.ts';
import { insertApplication } from '../store/applications.ts';
import type { Sql } from '../store/database.ts';
import { insertGrant } from '../store/grants.ts';
import { checkMasterKeys, ensureMasterKey, listMasterKeys } from '../store/master-keys.ts';
import { loadImapAccount, sealGrantSecret } from './grant-secret.ts';
import { type RotationStep, rotateMasterKey } from './key-rotation.ts';

const STEPS: RotationStep[] = ['key_stored', 'switched', 'batch', 'renewed', 'forgotten', 'file_cleaned'];

let test: TestDatabase;
let dataDir: string;
let app: string;

beforeAll(async () => {
  test = await openTestDatabase();
});
afterAll(() => test?.close());

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'mq-rotation-'));
  app = await test.db.engine(async (sql) => (await insertApplication(sql, 'rotation')).id);
});
afterEach(async () => {
  rmSync(dataDir, { recursive: true });
  await test.db.engine(async (sql) => {
    await sql.run('DELETE FROM grants');
    await sql.run('DELETE FROM master_keys');
  });
});

function start(environment: { masterKey?: string; previousMasterKeys?: string[] } = {}): Secrets {
  return readSecrets({ dataDir, masterKey: null, previousMasterKeys: [], ...environment });
}

async function check(secrets: Secrets): Promise<void> {
  const client = new pg.Client(test.target);
  await client.connect();
  await checkMasterKeys(client, secrets).finally(() => client.end());
}

async function addGrant(secrets: Secrets, password: string): Promise<string> {
  return test.db.tenant(app, (sql) => insert(sql, secrets, password));
}

/** Many in one transaction: a commit each would be most of the time of this suite. */
async function addGrants(secrets: Secrets, count: number): Promise<string[]> {
  return test.db.tenant(app, async (sql) => {
    const ids: string[] = [];
    for (let i = 0; i < count; i++) ids.push(await insert(sql, secrets, `pw-${i}`));
    return ids;
  });
}

async function insert(sql: Sql, secrets: Secrets, password: string): Promise<string> {
  const id = randomUUID();
  const secret = await sealGrantSecret(
    sql,
    secrets,
    { applicationId: app, grantId: id },
    { imap_password: password },
  );
  await insertGrant(
    sql,
    { applicationId: app, id, emailKey: id },
    {
      provider: 'imap',
      email: `${id}@example.org`,
      name: null,
      scope: [],
      state: null,
      ip: null,
      userAgent: null,
      settings: {},
      secret,
    },
  );
  return id;
}

async function passwordOf(secrets: Secrets, grantId: string): Promise<string | undefined> {
  const account = await test.db.tenant(app, (sql) =>
    loadImapAccount(sql, secrets, { applicationId: app, grantId }),
  );
  return account?.secret.imap_password;
}

async function keyIdsInUse(): Promise<Set<string>> {
  const rows = await test.db.engine((sql) => sql.rows<{ secret: Buffer }>('SELECT secret FROM grants'));
  return new Set(rows.map((row) => keyIdOf(row.secret)));
}

const primaryNow = async () => (await test.db.engine(listMasterKeys)).find((row) => row.is_primary)?.id;

describe('the schema', () => {
  it('has no bytea column that is in neither list', async () => {
    const rows = await test.db.engine((sql) =>
      sql.rows<{ name: string }>(
        `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
         WHERE table_schema = 'public' AND data_type = 'bytea'`,
      ),
    );
    const listed = [...SECRET_COLUMNS.map((c) => `${c.table}.${c.column}`), ...PLAIN_BYTE_COLUMNS];
    expect(rows.map((row) => row.name).sort()).toEqual([...listed].sort());
  });
});

describe('a start', () => {
  it('makes a key once, for its owner only, and registers it', async () => {
    const secrets = start();
    await check(secrets);
    await ensureMasterKey(test.db, secrets);
    expect(statSync(keyFilePath(dataDir)).mode & 0o777).toBe(0o600);
    const before = readFileSync(keyFilePath(dataDir), 'utf8');
    await ensureMasterKey(test.db, start());
    await check(start());
    expect(readFileSync(keyFilePath(dataDir), 'utf8')).toBe(before);
    expect(await primaryNow()).toBe(secrets.keyIds[0]);
  });

  it('writes no key file when the environment gives the key', async () => {
    const key = MasterKey.generate();
    const secrets = start({ masterKey: key.export() });
    await ensureMasterKey(test.db, secrets);
    expect(readKeyFile(dataDir)).toEqual([]);
    expect(await primaryNow()).toBe(key.id);
  });

  it('is refused, before any write, without the key or with a wrong one', async () => {
    await ensureMasterKey(test.db, start());
    rmSync(keyFilePath(dataDir));
    await expect(check(start())).rejects.toThrow('not in');
    await expect(ensureMasterKey(test.db, start())).rejects.toThrow('No new key is made');
    expect(readKeyFile(dataDir)).toEqual([]);
    const wrong = start({ masterKey: MasterKey.generate().export() });
    await expect(check(wrong)).rejects.toThrow('MAILQUAY_MASTER_KEY is not the key of this database');
    expect(await test.db.engine(listMasterKeys)).toHaveLength(1);
  });

  it('is refused on a damaged check value', async () => {
    const secrets = start();
    await ensureMasterKey(test.db, secrets);
    await test.db.engine((sql) =>
      sql.run(`UPDATE master_keys SET check_value = set_byte(check_value, 40, 0)`),
    );
    await expect(check(start())).rejects.toThrow('check value');
  });

  it('works on a database without tables', async () => {
    const client = new pg.Client(test.target);
    await client.connect();
    await client.query('CREATE SCHEMA IF NOT EXISTS bare; SET search_path = bare');
    await checkMasterKeys(client, start()).finally(() => client.end());
  });
});

describe('a ciphertext', () => {
  it('does not open in another row (SC2)', async () => {
    const secrets = start();
    await ensureMasterKey(test.db, secrets);
    const [a, b] = [await addGrant(secrets, 'pw-a'), await addGrant(secrets, 'pw-b')];
    await test.db.engine((sql) =>
      sql.run('UPDATE grants SET secret = (SELECT secret FROM grants WHERE id = $1) WHERE id = $2', [a, b]),
    );
    expect(await passwordOf(secrets, a)).toBe('pw-a');
    await expect(passwordOf(secrets, b)).rejects.toMatchObject({ name: 'DecryptionError' });
  });
});

describe('a rotation', () => {
  it('renews everything while a server that knows nothing of it keeps reading and writing', async () => {
    const server = start();
    await ensureMasterKey(test.db, server);
    const old = await primaryNow();
    const ids = await addGrants(server, 250);
    let running = true;
    let writes = 0;
    const traffic = (async () => {
      while (running) {
        ids.push(await addGrant(server, `pw-${ids.length}`));
        const at = Math.floor(Math.random() * ids.length);
        expect(await passwordOf(server, ids[at]!)).toBe(`pw-${at}`);
        writes++;
      }
    })();
    const report = await rotateMasterKey(test.db, start(), {
      onStep: () => new Promise((resolve) => setTimeout(resolve, 50)),
    });
    running = false;
    await traffic;
    expect(writes).toBeGreaterThan(3);
    expect(report).toMatchObject({ unreadable: 0, removed: [old], kept: [] });
    expect(await keyIdsInUse()).toEqual(new Set([report.primary]));
    expect(readKeyFile(dataDir).map((key) => key.id)).toEqual([report.primary]);
    const fresh = start();
    await check(fresh);
    expect(await passwordOf(fresh, ids[7]!)).toBe('pw-7');
  });

  it.each(STEPS)('survives being killed at %s, and is finished by the next run', async (step) => {
    await ensureMasterKey(test.db, start());
    const old = await primaryNow();
    const ids = await addGrants(start(), 150);
    const kill = (at: RotationStep) => {
      if (at === step) throw new Error('killed');
    };
    await expect(rotateMasterKey(test.db, start(), { onStep: kill })).rejects.toThrow('killed');

    const restarted = start();
    await check(restarted);
    expect(await passwordOf(restarted, ids[149]!)).toBe('pw-149');

    const report = await rotateMasterKey(test.db, start());
    expect(report.primary).not.toBe(old);
    expect(await test.db.engine(listMasterKeys)).toHaveLength(1);
    expect(await keyIdsInUse()).toEqual(new Set([report.primary]));
    expect(readKeyFile(dataDir).map((key) => key.id)).toEqual([report.primary]);
    const after = start();
    await check(after);
    for (const i of [0, 1, 99, 100, 149]) expect(await passwordOf(after, ids[i]!)).toBe(`pw-${i}`);
  });

  it('takes the new key from the environment', async () => {
    const [first, second] = [MasterKey.generate().export(), MasterKey.generate().export()];
    const before = start({ masterKey: first });
    await ensureMasterKey(test.db, before);
    const id = await addGrant(before, 'pw');
    await expect(rotateMasterKey(test.db, before)).rejects.toThrow('primary key already');
    const both = { masterKey: second, previousMasterKeys: [first] };
    const server = start(both);
    await check(server);
    const other = await addGrant(server, 'pw-2');
    expect(await keyIdsInUse()).toEqual(new Set([before.environmentKey?.id]));
    await rotateMasterKey(test.db, start(both));
    const alone = start({ masterKey: second });
    await check(alone);
    expect(await passwordOf(alone, id)).toBe('pw');
    expect(await passwordOf(server, other)).toBe('pw-2');
    await expect(check(before)).rejects.toThrow('MAILQUAY_MASTER_KEY');
  });

  it('moves from the key file to the environment', async () => {
    await ensureMasterKey(test.db, start());
    const id = await addGrant(start(), 'pw');
    const environment = { masterKey: MasterKey.generate().export() };
    await rotateMasterKey(test.db, start(environment));
    expect(readKeyFile(dataDir)).toEqual([]);
    expect(await passwordOf(start(environment), id)).toBe('pw');
  });

  it('keeps the old key while a row that does not open needs it, and says so', async () => {
    await ensureMasterKey(test.db, start());
    const [good, bad] = [await addGrant(start(), 'pw'), await addGrant(start(), 'pw')];
    await test.db.engine((sql) =>
      sql.run('UPDATE grants SET secret = set_byte(secret, 40, 255 - get_byte(secret, 40)) WHERE id = $1', [
        bad,
      ]),
    );
    const lines: string[] = [];
    const parts = { db: test.db, secrets: start(), out: (line: string) => lines.push(line) };
    expect(await rotateKeys(parts)).toBe(false);
    expect(lines.join('\n')).toContain('1 secrets cannot be read');
    expect(readKeyFile(dataDir)).toHaveLength(2);
    expect(await passwordOf(start(), good)).toBe('pw');
    lines.length = 0;
    await showKeys(parts);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^[0-9a-f]{16} {2}primary {2}present {2}1 secrets$/);
  });

  it('is alone', async () => {
    await ensureMasterKey(test.db, start());
    await rotateMasterKey(test.db, start(), {
      onStep: async (step) => {
        if (step === 'switched')
          await expect(rotateMasterKey(test.db, start())).rejects.toThrow('Another rotation');
      },
    });
  });
});
