import { randomUUID } from 'node:crypto';
import type { Sql } from './database.ts';
import { revokeLease } from './leases.ts';
import { signal } from './signals.ts';

/** One connected mailbox, without its secret. Times are unix seconds. */
export interface Grant {
  id: string;
  applicationId: string;
  provider: string;
  email: string;
  name: string | null;
  scope: string[];
  status: 'valid' | 'invalid';
  state: string | null;
  ip: string | null;
  userAgent: string | null;
  providerUserId: string | null;
  settings: Record<string, unknown>;
  secretVersion: number;
  createdAt: number;
  /** When the mailbox was last authenticated (contract 4.1). */
  updatedAt: number;
}

const COLUMNS = `id, application_id AS "applicationId", provider, email, name, scope, status, state, ip,
  user_agent AS "userAgent", provider_user_id AS "providerUserId", settings, secret_version AS "secretVersion",
  floor(extract(epoch FROM created_at))::bigint AS "createdAt", floor(extract(epoch FROM updated_at))::bigint AS "updatedAt"`;

/** What an authentication brings. `secret` is encrypted for this row: `seal` with the id of `reserveGrant`. */
export interface AuthenticatedGrant {
  provider: string;
  email: string;
  name: string | null;
  scope: string[];
  state: string | null;
  ip: string | null;
  userAgent: string | null;
  settings: object;
  secret: Buffer;
}

/** The grant that has this address, locked until the transaction ends. */
export async function lockGrantByEmail(
  sql: Sql,
  applicationId: string,
  emailKey: string,
): Promise<Grant | undefined> {
  const [row] = await sql.rows<Grant>(
    `SELECT ${COLUMNS} FROM grants
     WHERE application_id = $1 AND email_key = $2 AND deleted_at IS NULL FOR UPDATE`,
    [applicationId, emailKey],
  );
  return row;
}

export async function lockGrant(sql: Sql, applicationId: string, id: string): Promise<Grant | undefined> {
  const [row] = await sql.rows<Grant>(
    `SELECT ${COLUMNS} FROM grants WHERE application_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE`,
    [applicationId, id],
  );
  return row;
}

export function newGrantId(): string {
  return randomUUID();
}

/** Undefined when another transaction has just taken the address. */
export async function insertGrant(
  sql: Sql,
  key: { applicationId: string; id: string; emailKey: string },
  grant: AuthenticatedGrant,
): Promise<Grant | undefined> {
  const [row] = await sql.rows<Grant>(
    `INSERT INTO grants (application_id, id, email_key, provider, email, name, scope, state, ip, user_agent,
       settings, secret)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     ON CONFLICT (application_id, email_key) WHERE deleted_at IS NULL DO NOTHING
     RETURNING ${COLUMNS}`,
    [
      key.applicationId,
      key.id,
      key.emailKey,
      grant.provider,
      grant.email,
      grant.name,
      grant.scope,
      grant.state,
      grant.ip,
      grant.userAgent,
      JSON.stringify(grant.settings),
      grant.secret,
    ],
  );
  if (row) await signal(sql, 'mailquay_grants', row.id);
  return row;
}

/**
 * A new authentication of a grant that exists: everything it brought replaces what was, and the grant is valid.
 * Whoever syncs it with the old credentials loses the lease.
 */
export async function reauthenticateGrant(
  sql: Sql,
  key: { applicationId: string; id: string },
  grant: AuthenticatedGrant,
): Promise<Grant> {
  const [row] = await sql.rows<Grant>(
    `UPDATE grants SET provider = $3, email = $4, name = coalesce($5, name), scope = $6, state = $7,
       ip = $8, user_agent = $9, settings = $10, secret = $11, secret_version = secret_version + 1,
       status = 'valid', updated_at = now()
     WHERE application_id = $1 AND id = $2 AND deleted_at IS NULL
     RETURNING ${COLUMNS}`,
    [
      key.applicationId,
      key.id,
      grant.provider,
      grant.email,
      grant.name,
      grant.scope,
      grant.state,
      grant.ip,
      grant.userAgent,
      JSON.stringify(grant.settings),
      grant.secret,
    ],
  );
  await revokeLease(sql, key.id);
  await signal(sql, 'mailquay_grants', key.id);
  return row!;
}

/** Changes what needs no authentication; what is undefined stays. */
export async function updateGrantRecord(
  sql: Sql,
  key: { applicationId: string; id: string },
  change: { scope?: string[]; name?: string | null },
): Promise<Grant | undefined> {
  const [row] = await sql.rows<Grant>(
    `UPDATE grants SET scope = coalesce($3, scope), name = CASE WHEN $4 THEN $5 ELSE name END
     WHERE application_id = $1 AND id = $2 AND deleted_at IS NULL
     RETURNING ${COLUMNS}`,
    [key.applicationId, key.id, change.scope ?? null, change.name !== undefined, change.name ?? null],
  );
  return row;
}

export async function getGrant(sql: Sql, applicationId: string, id: string): Promise<Grant | undefined> {
  const [row] = await sql.rows<Grant>(
    `SELECT ${COLUMNS} FROM grants WHERE application_id = $1 AND id = $2 AND deleted_at IS NULL`,
    [applicationId, id],
  );
  return row;
}

export async function getGrantByEmail(
  sql: Sql,
  applicationId: string,
  emailKey: string,
): Promise<Grant | undefined> {
  const [row] = await sql.rows<Grant>(
    `SELECT ${COLUMNS} FROM grants WHERE application_id = $1 AND email_key = $2 AND deleted_at IS NULL`,
    [applicationId, emailKey],
  );
  return row;
}

/** The ciphertext of a live grant; it opens at the place {table: 'grants', column: 'secret', …}. */
export async function getGrantSecret(
  sql: Sql,
  applicationId: string,
  id: string,
): Promise<{ secret: Buffer | null; secretVersion: number } | undefined> {
  const [row] = await sql.rows<{ secret: Buffer | null; secretVersion: number }>(
    `SELECT secret, secret_version AS "secretVersion" FROM grants
     WHERE application_id = $1 AND id = $2 AND deleted_at IS NULL`,
    [applicationId, id],
  );
  return row;
}

export interface GrantFilter {
  limit: number;
  offset: number;
  sortBy: 'created_at' | 'updated_at';
  orderBy: 'asc' | 'desc';
  /** Bounds of created_at, inclusive, in unix seconds. */
  since: number | null;
  before: number | null;
  emailKey: string | null;
  status: 'valid' | 'invalid' | null;
  provider: string | null;
  ip: string | null;
}

export async function listGrants(sql: Sql, applicationId: string, filter: GrantFilter): Promise<Grant[]> {
  const direction = filter.orderBy === 'asc' ? 'ASC' : 'DESC';
  const column = filter.sortBy === 'updated_at' ? 'updated_at' : 'created_at';
  return sql.rows<Grant>(
    `SELECT ${COLUMNS} FROM grants
     WHERE application_id = $1 AND deleted_at IS NULL
       AND ($2::bigint IS NULL OR floor(extract(epoch FROM created_at)) >= $2)
       AND ($3::bigint IS NULL OR floor(extract(epoch FROM created_at)) <= $3)
       AND ($4::text IS NULL OR email_key = $4)
       AND ($5::text IS NULL OR status = $5)
       AND ($6::text IS NULL OR provider = $6)
       AND ($7::text IS NULL OR ip = $7)
     ORDER BY ${column} ${direction}, id ${direction}
     LIMIT $8 OFFSET $9`,
    [
      applicationId,
      filter.since,
      filter.before,
      filter.emailKey,
      filter.status,
      filter.provider,
      filter.ip,
      filter.limit,
      filter.offset,
    ],
  );
}

/** Valid becomes invalid, if the refused secret is still the current one. Undefined when nothing changed. */
export async function invalidateGrant(
  sql: Sql,
  key: { applicationId: string; id: string; secretVersion: number },
): Promise<Grant | undefined> {
  const [row] = await sql.rows<Grant>(
    `UPDATE grants SET status = 'invalid'
     WHERE application_id = $1 AND id = $2 AND secret_version = $3 AND status = 'valid' AND deleted_at IS NULL
     RETURNING ${COLUMNS}`,
    [key.applicationId, key.id, key.secretVersion],
  );
  return row;
}

/**
 * Ends a grant: it is out of sight, its secret is gone for good, its sync has lost the lease, and its data waits
 * for the eraser. Undefined when there is no such grant.
 */
export async function softDeleteGrant(
  sql: Sql,
  applicationId: string,
  id: string,
): Promise<Grant | undefined> {
  const [row] = await sql.rows<Grant>(
    `UPDATE grants SET deleted_at = now(), secret = NULL, secret_version = secret_version + 1
     WHERE application_id = $1 AND id = $2 AND deleted_at IS NULL
     RETURNING ${COLUMNS}`,
    [applicationId, id],
  );
  if (!row) return undefined;
  await sql.run('DELETE FROM leases WHERE grant_id = $1', [id]);
  await sql.run(
    'INSERT INTO grant_erasures (grant_id, application_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [id, applicationId],
  );
  await signal(sql, 'mailquay_grants', id);
  return row;
}
