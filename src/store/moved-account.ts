import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

/**
 * Takes all places of a grant's mail for places under an older UIDVALIDITY, because the grant is now read from another
 * account or server: what a UID named there, it does not name here, even if UIDVALIDITY happens to be the same (RFC
 * 9051 2.3.1.1 promises nothing across servers). The sync then matches mail by its contents, as after any new
 * UIDVALIDITY. Negative numbers are such as no server has, and each is used once.
 */
export async function forgetPlaces(sql: Sql, { applicationId, grantId }: Scope): Promise<void> {
  const scope = [applicationId, grantId];
  const [row] = await sql.rows<{ lowest: number }>(
    `SELECT least(0, (SELECT min(uid_validity) FROM message_locations WHERE application_id = $1 AND grant_id = $2),
       (SELECT min(uid_validity) FROM folder_cursors WHERE application_id = $1 AND grant_id = $2)) AS lowest`,
    scope,
  );
  const values = [...scope, row?.lowest ?? 0];
  await sql.run(
    `UPDATE message_locations SET uid_validity = $3::bigint - uid_validity
     WHERE application_id = $1 AND grant_id = $2 AND uid_validity > 0`,
    values,
  );
  await sql.run(
    `UPDATE folder_cursors SET uid_validity = $3::bigint - uid_validity
     WHERE application_id = $1 AND grant_id = $2 AND uid_validity > 0`,
    values,
  );
  await sql.run('DELETE FROM sync_failures WHERE application_id = $1 AND grant_id = $2', scope);
  await sql.run(
    'UPDATE folders SET remote_id = NULL WHERE application_id = $1 AND grant_id = $2 AND remote_id IS NOT NULL',
    scope,
  );
  await sql.run(
    'UPDATE messages SET remote_id = NULL WHERE application_id = $1 AND grant_id = $2 AND remote_id IS NOT NULL',
    scope,
  );
}
