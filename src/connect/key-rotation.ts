import { StartupError } from '../platform/errors.ts';
import { readKeyFile, removeKeyFile, writeKeyFile } from '../platform/key-file.ts';
import { DecryptionError, MasterKey } from '../platform/master-key.ts';
import { SECRET_COLUMNS, type SecretColumn, type Secrets, UnknownKeyError } from '../platform/secrets.ts';
import type { Database } from '../store/database.ts';
import {
  ciphertextsNotUsing,
  deleteUnusedKey,
  insertPrimaryKey,
  listMasterKeys,
  replaceCiphertext,
  withRotationLock,
} from '../store/master-keys.ts';

/** Ciphertexts that one transaction renews: few, so that no writer waits long for a row. */
const BATCH = 100;
const BEFORE_ALL_IDS = '00000000-0000-0000-0000-000000000000';

/** Where a rotation stands. Tests end it at each of these and start it again. */
export type RotationStep = 'key_stored' | 'switched' | 'batch' | 'renewed' | 'forgotten' | 'file_cleaned';

export interface RotationReport {
  primary: string;
  /** Ciphertexts that were encrypted anew. */
  renewed: number;
  /** Ciphertexts that do not open: they stay as they are, and so does the key that they name. */
  unreadable: number;
  /** Old keys that nothing needs any more. */
  removed: string[];
  /** Old keys that rows still need. */
  kept: string[];
}

export interface RotationOptions {
  onStep?: (step: RotationStep, renewed: number) => void | Promise<void>;
}

/**
 * Gives the database a new master key while servers run on it: the key is stored, made primary, every ciphertext
 * is renewed in small steps, and an old key goes when no row uses it. May be killed anywhere and run again, and
 * then finishes what was begun. With MAILQUAY_MASTER_KEY that is the new key, and every server must have been
 * started with it; otherwise the key file gets one, and servers find it there by themselves.
 */
export function rotateMasterKey(
  db: Database,
  secrets: Secrets,
  options: RotationOptions = {},
): Promise<RotationReport> {
  const onStep = options.onStep ?? (() => {});
  return withRotationLock(db, async () => {
    const primary = await choosePrimary(db, secrets, onStep);
    const counts = { renewed: 0, unreadable: 0 };
    for (const column of SECRET_COLUMNS) await renewColumn(db, secrets, column, primary, counts, onStep);
    await onStep('renewed', counts.renewed);

    const removed: string[] = [];
    for (const { id, is_primary } of await db.engine(listMasterKeys)) {
      if (!is_primary && (await db.engine((sql) => deleteUnusedKey(sql, id)))) removed.push(id);
    }
    await onStep('forgotten', counts.renewed);
    const left = await db.engine(listMasterKeys);
    cleanKeyFile(secrets, new Set(left.map((row) => row.id)));
    await onStep('file_cleaned', counts.renewed);
    const kept = left.filter((row) => !row.is_primary).map((row) => row.id);
    return { primary, ...counts, removed, kept };
  });
}

/** The key to renew with: the one of a rotation that was cut short, or a new one, made primary here. */
async function choosePrimary(
  db: Database,
  secrets: Secrets,
  onStep: NonNullable<RotationOptions['onStep']>,
): Promise<string> {
  const known = await db.engine(listMasterKeys);
  const current = known.find((row) => row.is_primary);
  if (!current) throw new StartupError('This database has no master key yet: start the server first.');
  const unfinished = known.length > 1;
  const fromEnvironment = secrets.environmentKey;
  if (fromEnvironment ? fromEnvironment.id === current.id : unfinished) {
    if (unfinished) return current.id;
    throw new StartupError(
      'MAILQUAY_MASTER_KEY is the primary key already. To rotate, set MAILQUAY_MASTER_KEY to a new key ' +
        '(openssl rand -base64 32) and MAILQUAY_PREVIOUS_MASTER_KEYS to the present one, restart every server with both, and run this again.',
    );
  }
  const key = fromEnvironment ?? MasterKey.generate();
  if (!fromEnvironment) {
    // Stored before the database knows it. Keys that the database has forgotten leave the file here.
    const needed = readKeyFile(secrets.dataDir).filter((old) => known.some((row) => row.id === old.id));
    writeKeyFile(secrets.dataDir, [key, ...needed]);
  }
  secrets.add(key);
  await onStep('key_stored', 0);
  await db.engine((sql) => insertPrimaryKey(sql, key));
  await onStep('switched', 0);
  return key.id;
}

async function renewColumn(
  db: Database,
  secrets: Secrets,
  column: SecretColumn & Pick<(typeof SECRET_COLUMNS)[number], 'table' | 'column'>,
  primary: string,
  counts: { renewed: number; unreadable: number },
  onStep: NonNullable<RotationOptions['onStep']>,
): Promise<void> {
  for (let after = BEFORE_ALL_IDS; ; ) {
    const { last, renewed, unreadable } = await db.engine(async (sql) => {
      let renewed = 0;
      let unreadable = 0;
      const batch = await ciphertextsNotUsing(sql, column, primary, after, BATCH);
      for (const { rowId, applicationId, value } of batch) {
        const place = { table: column.table, column: column.column, rowId, applicationId };
        try {
          const sealed = secrets.seal(primary, place, secrets.open(place, value));
          if (await replaceCiphertext(sql, column, rowId, value, sealed)) renewed += 1;
        } catch (error) {
          if (!(error instanceof DecryptionError || error instanceof UnknownKeyError)) throw error;
          unreadable += 1;
        }
      }
      return { last: batch.at(-1)?.rowId, renewed, unreadable };
    });
    counts.renewed += renewed;
    counts.unreadable += unreadable;
    if (last === undefined) return;
    after = last;
    await onStep('batch', counts.renewed);
  }
}

/** Takes keys that the database has forgotten out of the file. Without any key left, there is no file. */
function cleanKeyFile(secrets: Secrets, known: Set<string>): void {
  const inFile = readKeyFile(secrets.dataDir);
  const needed = inFile.filter((key) => known.has(key.id));
  if (needed.length === inFile.length) return;
  if (needed.length > 0) writeKeyFile(secrets.dataDir, needed);
  else removeKeyFile(secrets.dataDir);
}
