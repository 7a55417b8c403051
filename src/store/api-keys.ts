import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { SecretValue } from '../platform/secret-value.ts';
import type { Sql } from './database.ts';
import { signal } from './signals.ts';

/** What may be shown of an API key. Times are unix seconds. */
export interface ApiKey {
  id: string;
  applicationId: string;
  name: string;
  last4: string;
  createdAt: number;
  expiresAt: number | null;
  revokedAt: number | null;
}

const COLUMNS = `id, application_id AS "applicationId", name, last4,
  floor(extract(epoch FROM created_at))::bigint AS "createdAt",
  floor(extract(epoch FROM expires_at))::bigint AS "expiresAt",
  floor(extract(epoch FROM revoked_at))::bigint AS "revokedAt"`;

/** 256 bits: beyond guessing, so a plain SHA-256 is enough to keep it. */
const KEY_BYTES = 32;

export function generateApiKey(): SecretValue {
  return new SecretValue(`mq_live_${randomBytes(KEY_BYTES).toString('base64url')}`);
}

export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

/** Stores a key's hash. The key itself is with the caller, who shows it once. */
export async function insertApiKey(
  sql: Sql,
  key: { applicationId: string; name: string; value: SecretValue; expiresAt?: Date },
): Promise<ApiKey> {
  const value = key.value.reveal();
  const [row] = await sql.rows<ApiKey>(
    `INSERT INTO api_keys (id, application_id, name, key_hash, last4, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
    [randomUUID(), key.applicationId, key.name, hashApiKey(value), value.slice(-4), key.expiresAt ?? null],
  );
  return row!;
}

/** The key that a client sent, if it is valid now. Looked up by hash: no comparison that timing could tell of. */
export async function findValidApiKey(sql: Sql, key: string): Promise<ApiKey | undefined> {
  const [row] = await sql.rows<ApiKey>(
    `SELECT ${COLUMNS} FROM api_keys
     WHERE key_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    [hashApiKey(key)],
  );
  return row;
}

/** A key by its hash, also when it is revoked. */
export async function findApiKeyByHash(sql: Sql, hash: Buffer): Promise<ApiKey | undefined> {
  const [row] = await sql.rows<ApiKey>(`SELECT ${COLUMNS} FROM api_keys WHERE key_hash = $1`, [hash]);
  return row;
}

export async function listApiKeys(sql: Sql, applicationId: string): Promise<ApiKey[]> {
  return sql.rows<ApiKey>(
    `SELECT ${COLUMNS} FROM api_keys WHERE application_id = $1 ORDER BY created_at, id`,
    [applicationId],
  );
}

export async function getApiKey(sql: Sql, applicationId: string, id: string): Promise<ApiKey | undefined> {
  const [row] = await sql.rows<ApiKey>(
    `SELECT ${COLUMNS} FROM api_keys WHERE application_id = $1 AND id = $2`,
    [applicationId, id],
  );
  return row;
}

/**
 * False when this application has no such key, or it was revoked before. Every process is told at commit, so that none
 * goes on believing in the key.
 */
export async function revokeApiKey(sql: Sql, applicationId: string, id: string): Promise<boolean> {
  const revoked = await sql.run(
    'UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND application_id = $2 AND revoked_at IS NULL',
    [id, applicationId],
  );
  if (revoked > 0) await signal(sql, 'mailquay_api_keys', id);
  return revoked > 0;
}

export async function restoreApiKey(sql: Sql, id: string): Promise<void> {
  await sql.run('UPDATE api_keys SET revoked_at = NULL, expires_at = NULL WHERE id = $1', [id]);
}

/** Deletes the keys of this name, but for one hash. */
export async function deleteApiKeysNamed(
  sql: Sql,
  applicationId: string,
  name: string,
  exceptHash: Buffer,
): Promise<void> {
  await sql.run('DELETE FROM api_keys WHERE application_id = $1 AND name = $2 AND key_hash <> $3', [
    applicationId,
    name,
    exceptHash,
  ]);
}
