import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

/** Holds messages for one change; false, and nothing held, when somebody else holds one of them. */
export async function holdMessages(
  sql: Sql,
  scope: Scope,
  messageIds: string[],
  holder: string,
  now: Date,
  until: Date,
): Promise<boolean> {
  const held = await sql.run(
    `INSERT INTO change_holds AS h (application_id, grant_id, message_id, holder, held_until)
     SELECT $1, $2, id, $4, $6 FROM unnest($3::text[]) AS m (id) ORDER BY id
     ON CONFLICT (grant_id, message_id) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
       WHERE h.held_until <= $5`,
    [scope.applicationId, scope.grantId, messageIds, holder, now, until],
  );
  if (held === messageIds.length) return true;
  await releaseMessages(sql, scope, holder);
  return false;
}

/** Lets go of all that a holder has. */
export async function releaseMessages(sql: Sql, scope: Scope, holder: string): Promise<void> {
  await sql.run('DELETE FROM change_holds WHERE application_id = $1 AND grant_id = $2 AND holder = $3', [
    scope.applicationId,
    scope.grantId,
    holder,
  ]);
}
