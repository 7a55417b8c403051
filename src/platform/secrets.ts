import type { Config } from './config.ts';
import { readKeyFile } from './key-file.ts';
import { keyIdOf, type MasterKey, parseMasterKey } from './master-key.ts';
import { SecretValue } from './secret-value.ts';

/** A column that holds ciphertext. `rowId` and `applicationId` are the columns that the ciphertext is bound to. */
export interface SecretColumn {
  table: string;
  column: string;
  rowId: string;
  applicationId: string;
}

/** Every secret column there is: what writes, rotates and is tested comes from this list (rule 31). */
export const SECRET_COLUMNS = [
  { table: 'grants', column: 'secret', rowId: 'id', applicationId: 'application_id' },
] as const satisfies readonly SecretColumn[];

/** The bytea columns that hold no secret: digests, fingerprints and content. test: secrets-columns. */
export const PLAIN_BYTE_COLUMNS: readonly string[] = [
  'api_keys.key_hash',
  'master_keys.check_value',
  'thread_keys.key',
  'messages.fingerprint',
  'messages.subject_key',
  'messages.sha256',
  'message_bodies.body',
  'message_bodies.headers',
];

/** The one place where a ciphertext opens. */
export interface SecretPlace {
  table: (typeof SECRET_COLUMNS)[number]['table'];
  column: (typeof SECRET_COLUMNS)[number]['column'];
  rowId: string;
  applicationId: string;
}

/** Needed for a key that this process has not got. */
export class UnknownKeyError extends Error {
  override name = 'UnknownKeyError';
}

/**
 * The master keys that this process has. Which of them is primary stands in the database, so that every
 * process switches at the same moment (store/master-keys).
 */
export class Secrets {
  /** From MAILQUAY_MASTER_KEY, and then the key that a rotation makes primary; null when keys live in the file. */
  readonly environmentKey: MasterKey | null;
  readonly dataDir: string;
  readonly #keys = new Map<string, MasterKey>();

  constructor(dataDir: string, environmentKey: MasterKey | null, keys: MasterKey[]) {
    this.dataDir = dataDir;
    this.environmentKey = environmentKey;
    for (const key of environmentKey ? [environmentKey, ...keys] : keys) this.add(key);
  }

  add(key: MasterKey): void {
    this.#keys.set(key.id, key);
  }

  get keyIds(): string[] {
    return [...this.#keys.keys()];
  }

  /** A key by its id. An unknown one may have been made by a rotation since: then the key file has it. */
  find(id: string): MasterKey | undefined {
    const known = this.#keys.get(id);
    if (known) return known;
    for (const key of readKeyFile(this.dataDir)) this.add(key);
    return this.#keys.get(id);
  }

  /** Encrypts for one place with the key that is primary now (`primaryKeyId` of store/master-keys). */
  seal(keyId: string, place: SecretPlace, value: SecretValue): Buffer {
    return this.#need(keyId).encrypt(Buffer.from(value.reveal(), 'utf8'), associatedData(place));
  }

  /** Throws DecryptionError when the ciphertext was moved or changed, {@link UnknownKeyError} without its key. */
  open(place: SecretPlace, envelope: Buffer): SecretValue {
    const key = this.#need(keyIdOf(envelope));
    return new SecretValue(key.decrypt(envelope, associatedData(place)).toString('utf8'));
  }

  #need(keyId: string): MasterKey {
    const key = this.find(keyId);
    if (!key) throw new UnknownKeyError(`master key ${keyId} is not known to this process`);
    return key;
  }

  toJSON(): string {
    return '[secrets]';
  }
}

/** Reads the master keys from environment and key file; throws a StartupError and writes nothing. */
export function readSecrets(config: Pick<Config, 'dataDir' | 'masterKey' | 'previousMasterKeys'>): Secrets {
  const environmentKey =
    config.masterKey === null ? null : parseMasterKey(config.masterKey, 'MAILQUAY_MASTER_KEY');
  const previous = config.previousMasterKeys.map((text) =>
    parseMasterKey(text, 'MAILQUAY_PREVIOUS_MASTER_KEYS'),
  );
  return new Secrets(config.dataDir, environmentKey, [...previous, ...readKeyFile(config.dataDir)]);
}

/** Unambiguous: no two places give the same bytes. */
function associatedData(place: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([place.table, place.column, place.rowId, place.applicationId]), 'utf8');
}
