import { randomUUID } from 'node:crypto';
import type { Sql } from './database.ts';

/** One tenant. Times are unix seconds. */
export interface Application {
  id: string;
  name: string;
  region: string;
  environment: string;
  branding: Record<string, unknown>;
  hostedAuthentication: Record<string, unknown>;
  idpSettings: Record<string, unknown>;
  additionalSettings: Record<string, unknown>;
  domain: string | null;
  createdAt: number;
  updatedAt: number;
}

const COLUMNS = `id, name, region, environment, branding, hosted_authentication AS "hostedAuthentication",
  idp_settings AS "idpSettings", additional_settings AS "additionalSettings", domain,
  floor(extract(epoch FROM created_at))::bigint AS "createdAt", floor(extract(epoch FROM updated_at))::bigint AS "updatedAt"`;

export async function insertApplication(sql: Sql, name: string): Promise<Application> {
  const [row] = await sql.rows<Application>(
    `INSERT INTO applications (id, name) VALUES ($1, $2) RETURNING ${COLUMNS}`,
    [randomUUID(), name],
  );
  return row!;
}

export async function getApplication(sql: Sql, id: string): Promise<Application | undefined> {
  const [row] = await sql.rows<Application>(`SELECT ${COLUMNS} FROM applications WHERE id = $1`, [id]);
  return row;
}

/** All that the transaction may see, oldest first. */
export async function listApplications(sql: Sql): Promise<Application[]> {
  return sql.rows<Application>(`SELECT ${COLUMNS} FROM applications ORDER BY created_at, id`);
}

/** Until the transaction ends nobody else changes the application or what hangs on it; readers are not held up. */
export async function lockApplication(sql: Sql, id: string): Promise<boolean> {
  const rows = await sql.rows('SELECT 1 FROM applications WHERE id = $1 FOR NO KEY UPDATE', [id]);
  return rows.length === 1;
}

/** What an update brings; undefined stays as it is, an empty domain is none. */
export interface ApplicationChange {
  branding?: object;
  hosted_authentication?: object;
  idp_settings?: object;
  additional_settings?: object;
  domain?: string;
}

export async function updateApplication(sql: Sql, id: string, change: ApplicationChange): Promise<void> {
  const json = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value));
  await sql.run(
    `UPDATE applications SET branding = coalesce($2, branding),
       hosted_authentication = coalesce($3, hosted_authentication), idp_settings = coalesce($4, idp_settings),
       additional_settings = coalesce($5, additional_settings), domain = nullif(coalesce($6, domain), ''),
       updated_at = now()
     WHERE id = $1`,
    [
      id,
      json(change.branding),
      json(change.hosted_authentication),
      json(change.idp_settings),
      json(change.additional_settings),
      change.domain ?? null,
    ],
  );
}
