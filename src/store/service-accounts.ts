import { randomUUID } from 'node:crypto';
import type { Sql } from './database.ts';

/** Who may sign requests to /v3/admin of one application. Times are unix seconds. */
export interface ServiceAccount {
  /** What the clients call the key id. */
  id: string;
  applicationId: string;
  name: string;
  /** SPKI as PEM. */
  publicKey: string;
  createdAt: number;
  revokedAt: number | null;
}

const COLUMNS = `id, application_id AS "applicationId", name, public_key AS "publicKey",
  floor(extract(epoch FROM created_at))::bigint AS "createdAt", floor(extract(epoch FROM revoked_at))::bigint AS "revokedAt"`;

export async function insertServiceAccount(
  sql: Sql,
  account: { applicationId: string; name: string; publicKey: string },
): Promise<ServiceAccount> {
  const [row] = await sql.rows<ServiceAccount>(
    `INSERT INTO service_accounts (id, application_id, name, public_key) VALUES ($1, $2, $3, $4) RETURNING ${COLUMNS}`,
    [randomUUID(), account.applicationId, account.name, account.publicKey],
  );
  return row!;
}

/** The account with this key id, unless it was revoked. */
export async function findServiceAccount(sql: Sql, id: string): Promise<ServiceAccount | undefined> {
  const [row] = await sql.rows<ServiceAccount>(
    `SELECT ${COLUMNS} FROM service_accounts WHERE id = $1 AND revoked_at IS NULL`,
    [id],
  );
  return row;
}

export function listServiceAccounts(sql: Sql, applicationId: string): Promise<ServiceAccount[]> {
  return sql.rows<ServiceAccount>(
    `SELECT ${COLUMNS} FROM service_accounts WHERE application_id = $1 ORDER BY created_at, id`,
    [applicationId],
  );
}

/** False when this application has no such account, or it was revoked before. */
export async function revokeServiceAccount(sql: Sql, applicationId: string, id: string): Promise<boolean> {
  return (
    (await sql.run(
      'UPDATE service_accounts SET revoked_at = now() WHERE id = $1 AND application_id = $2 AND revoked_at IS NULL',
      [id, applicationId],
    )) > 0
  );
}

/**
 * Uses a nonce up, and forgets those whose time has passed. False when it was used before; of two that come at once
 * one waits for the other.
 */
export async function useNonce(sql: Sql, accountId: string, nonce: string, expires: Date): Promise<boolean> {
  await sql.run('DELETE FROM service_account_nonces WHERE service_account_id = $1 AND expires_at < now()', [
    accountId,
  ]);
  return (
    (await sql.run(
      `INSERT INTO service_account_nonces (service_account_id, nonce, expires_at) VALUES ($1, $2, $3)
       ON CONFLICT (service_account_id, nonce) DO NOTHING`,
      [accountId, nonce, expires],
    )) > 0
  );
}
