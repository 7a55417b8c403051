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
  createdAt: number;
  updatedAt: number;
}

const COLUMNS = `id, name, region, environment, branding, hosted_authentication AS "hostedAuthentication",
  extract(epoch FROM created_at)::bigint AS "createdAt", extract(epoch FROM updated_at)::bigint AS "updatedAt"`;

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
