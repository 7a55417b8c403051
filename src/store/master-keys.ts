import type pg from 'pg';
import { StartupError } from '../platform/errors.ts';
import { keyFilePath, readKeyFile, writeKeyFile } from '../platform/key-file.ts';
import { DecryptionError, MasterKey } from '../platform/master-key.ts';
import type { SecretValue } from '../platform/secret-value.ts';
import { SECRET_COLUMNS, type SecretColumn, type SecretPlace, type Secrets } from '../platform/secrets.ts';
import type { Database, Sql } from './database.ts';

export interface MasterKeyRow {
  id: string;
  check_value: Buffer;
  is_primary: boolean;
}

const CHECK_TEXT = 'mailquay master key check';
/** Key of the advisory lock that one rotation holds ("mqkey" in ASCII). */
const ROTATION_LOCK = 0x6d716b6579;
const ENGINE = '00000000-0000-0000-0000-000000000000';

/**
 * Stops the start when a key that this database needs is wrong or missing. Reads only, and also works on a
 * database without any table, so call it before migrating (SC4: nothing is written by a start that is refused).
 */
export async function checkMasterKeys(client: pg.ClientBase, secrets: Secrets): Promise<void> {
  const { rows: found } = await client.query(
    `SELECT to_regclass('master_keys') IS NOT NULL AND to_regclass('grants') IS NOT NULL AS found`,
  );
  if (!found[0].found) return;
  await client.query(`BEGIN READ ONLY; SELECT mailquay_enter('${ENGINE}')`);
  try {
    const rows = async <T>(text: string, values?: unknown[]) =>
      (await client.query(text, values)).rows as T[];
    const sql: Sql = {
      rows,
      fresh: rows,
      run: async (text, values) => (await client.query(text, values)).rowCount ?? 0,
    };
    await check(sql, secrets);
  } finally {
    await client.query('ROLLBACK');
  }
}

async function check(sql: Sql, secrets: Secrets): Promise<void> {
  for (const row of await listMasterKeys(sql)) {
    const key = secrets.find(row.id);
    if (key) {
      assertOpens(row, key);
    } else if (row.is_primary || (await countRowsUsing(sql, row.id)) > 0) {
      throw missingKey(row, secrets);
    }
  }
}

/** Registers the first master key of a new database; makes it in the key file when the environment gives none. */
export async function ensureMasterKey(db: Database, secrets: Secrets): Promise<void> {
  await db.engine(async (sql) => {
    await sql.run('LOCK TABLE master_keys IN SHARE ROW EXCLUSIVE MODE');
    if ((await listMasterKeys(sql)).length > 0) return check(sql, secrets);
    let key = secrets.environmentKey ?? readKeyFile(secrets.dataDir)[0];
    if (!key) {
      key = MasterKey.generate();
      // The file first: a key that the database knows and nobody has would be the end of every secret.
      writeKeyFile(secrets.dataDir, [key]);
    }
    secrets.add(key);
    await insertPrimaryKey(sql, key);
  });
}

function assertOpens(row: MasterKeyRow, key: MasterKey): void {
  try {
    key.decrypt(row.check_value, checkPlace(row.id));
  } catch (error) {
    if (!(error instanceof DecryptionError)) throw error;
    throw new StartupError(
      `Master key ${row.id} does not open this database's check value: the database is damaged.`,
    );
  }
}

function missingKey(row: MasterKeyRow, secrets: Secrets): StartupError {
  if (secrets.environmentKey) {
    return new StartupError(
      `MAILQUAY_MASTER_KEY is not the key of this database, which needs master key ${row.id}. ` +
        'Set the right one. To change the key, set MAILQUAY_MASTER_KEY to the new key and ' +
        'MAILQUAY_PREVIOUS_MASTER_KEYS to the old one, then run: mailquay keys rotate',
    );
  }
  return new StartupError(
    `This database was written with master key ${row.id}, which is not in ${keyFilePath(secrets.dataDir)}. ` +
      'Put the key file back from your copy, or set MAILQUAY_MASTER_KEY. No new key is made: it could open nothing.',
  );
}

export async function listMasterKeys(sql: Sql): Promise<MasterKeyRow[]> {
  return sql.rows<MasterKeyRow>(
    'SELECT id, check_value, is_primary FROM master_keys ORDER BY is_primary DESC, created_at',
  );
}

/**
 * The key to write with. The row stays locked against a switch until this transaction ends, so that after a
 * switch no row turns up that was encrypted with the old key.
 */
export async function primaryKeyId(sql: Sql): Promise<string> {
  // A switch that commits while we wait for the lock leaves us with no row: the new primary is in the next snapshot.
  for (let attempt = 0; attempt < 3; attempt++) {
    const [row] = await sql.rows<{ id: string }>('SELECT id FROM master_keys WHERE is_primary FOR SHARE');
    if (row) return row.id;
  }
  throw new StartupError('This database has no primary master key: it was never started, or is damaged.');
}

/** Encrypts a value for its place, within the transaction that writes it. */
export async function seal(
  sql: Sql,
  secrets: Secrets,
  place: SecretPlace,
  value: SecretValue,
): Promise<Buffer> {
  return secrets.seal(await primaryKeyId(sql), place, value);
}

/** Makes a key the primary one. Waits for the transactions that are writing with the one before. */
export async function insertPrimaryKey(sql: Sql, key: MasterKey): Promise<void> {
  await sql.run('UPDATE master_keys SET is_primary = false WHERE is_primary');
  await sql.run(
    `INSERT INTO master_keys (id, check_value, is_primary) VALUES ($1, $2, true)
     ON CONFLICT (id) DO UPDATE SET is_primary = true`,
    [key.id, key.encrypt(Buffer.from(CHECK_TEXT), checkPlace(key.id))],
  );
}

/** Forgets a key, unless a row still needs it. */
export async function deleteUnusedKey(sql: Sql, id: string): Promise<boolean> {
  await sql.run('LOCK TABLE master_keys IN SHARE ROW EXCLUSIVE MODE');
  if ((await countRowsUsing(sql, id)) > 0) return false;
  return (await sql.run('DELETE FROM master_keys WHERE id = $1 AND NOT is_primary', [id])) > 0;
}

/** How many ciphertexts were made with a key, over all secret columns. */
export async function countRowsUsing(sql: Sql, keyId: string): Promise<number> {
  let total = 0;
  for (const { table, column } of SECRET_COLUMNS) {
    const [row] = await sql.rows<{ count: number }>(
      `SELECT count(*) AS count FROM ${table} WHERE substring(${column} FROM 2 FOR 8) = $1`,
      [Buffer.from(keyId, 'hex')],
    );
    total += row?.count ?? 0;
  }
  return total;
}

export interface Ciphertext {
  rowId: string;
  applicationId: string;
  value: Buffer;
}

/** The next ciphertexts of a column, in the order of row ids, that were not made with this key. */
export async function ciphertextsNotUsing(
  sql: Sql,
  { table, column, rowId, applicationId }: SecretColumn,
  keyId: string,
  after: string,
  limit: number,
): Promise<Ciphertext[]> {
  return sql.rows<Ciphertext>(
    `SELECT ${rowId}::text AS "rowId", ${applicationId}::text AS "applicationId", ${column} AS value
     FROM ${table}
     WHERE ${column} IS NOT NULL AND substring(${column} FROM 2 FOR 8) <> $1 AND ${rowId} > $2
     ORDER BY ${rowId} LIMIT $3`,
    [Buffer.from(keyId, 'hex'), after, limit],
  );
}

/** Replaces a ciphertext if it is still the one that was read; false when somebody wrote in between. */
export async function replaceCiphertext(
  sql: Sql,
  { table, column, rowId }: SecretColumn,
  id: string,
  before: Buffer,
  after: Buffer,
): Promise<boolean> {
  return (
    (await sql.run(`UPDATE ${table} SET ${column} = $3 WHERE ${rowId} = $1 AND ${column} = $2`, [
      id,
      before,
      after,
    ])) > 0
  );
}

/** Runs a rotation that is alone on its database; throws when another one is at work. */
export async function withRotationLock<T>(db: Database, work: () => Promise<T>): Promise<T> {
  const client = await db.pool.connect();
  try {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS locked', [ROTATION_LOCK]);
    if (!rows[0].locked)
      throw new StartupError('Another rotation of the master key is running on this database.');
    return await work();
  } finally {
    // The lock ends with its session, whatever happened to it.
    client.release(true);
  }
}

function checkPlace(id: string): Buffer {
  return Buffer.from(JSON.stringify(['master_keys', 'check_value', id]), 'utf8');
}
