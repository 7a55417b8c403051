import type { Sql } from './database.ts';

/** A redirect URI as it is stored. */
export interface StoredRedirectUri {
  id: string;
  url: string;
  platform: string;
  settings: Record<string, unknown>;
}

const COLUMNS = 'id, url, platform, settings';

/** All of an application, oldest first. */
export function listRedirectUris(sql: Sql, applicationId: string): Promise<StoredRedirectUri[]> {
  return sql.rows<StoredRedirectUri>(
    `SELECT ${COLUMNS} FROM redirect_uris WHERE application_id = $1 ORDER BY created_at, url, platform`,
    [applicationId],
  );
}

/** Writes redirect URIs, new ones and ones that exist. Throws SQLSTATE 23505 at commit when two are equal. */
export async function writeRedirectUris(
  sql: Sql,
  applicationId: string,
  uris: StoredRedirectUri[],
): Promise<void> {
  await sql.run(
    `INSERT INTO redirect_uris (application_id, id, url, platform, settings)
     SELECT $1, u.id, u.url, u.platform, u.settings
     FROM unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[]) AS u (id, url, platform, settings)
     ON CONFLICT (id) DO UPDATE SET url = excluded.url, platform = excluded.platform, settings = excluded.settings
     WHERE redirect_uris.application_id = $1`,
    [
      applicationId,
      uris.map((uri) => uri.id),
      uris.map((uri) => uri.url),
      uris.map((uri) => uri.platform),
      uris.map((uri) => JSON.stringify(uri.settings)),
    ],
  );
}

/** Deletes those that are not named. */
export async function keepRedirectUris(sql: Sql, applicationId: string, ids: string[]): Promise<void> {
  await sql.run('DELETE FROM redirect_uris WHERE application_id = $1 AND id <> ALL ($2::uuid[])', [
    applicationId,
    ids,
  ]);
}

/** False when the application has none with this id. */
export async function deleteRedirectUri(sql: Sql, applicationId: string, id: string): Promise<boolean> {
  return (
    (await sql.run('DELETE FROM redirect_uris WHERE application_id = $1 AND id = $2', [applicationId, id])) >
    0
  );
}
