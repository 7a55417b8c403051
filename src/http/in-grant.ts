import { ApiError, notFound } from '../platform/errors.ts';
import type { Database, Sql } from '../store/database.ts';
import type { Grant } from '../store/grants.ts';
import type { Principal } from './auth.ts';
import { findGrant } from './grant-identifier.ts';

/**
 * Finds the grant that a path names and works in its application's transaction. An unknown, foreign or deleted grant
 * is 404, one whose login was refused is 401.
 */
export function inGrant<T>(
  db: Database,
  principal: Principal,
  identifier: string,
  work: (sql: Sql, grant: Grant) => Promise<T>,
): Promise<T> {
  return db.tenant(principal.applicationId, async (sql) => {
    const grant = await findGrant(sql, principal.applicationId, identifier);
    if (!grant) throw notFound();
    if (grant.status === 'invalid') {
      throw new ApiError(
        'grant.expired',
        'The mail provider no longer accepts the credentials of this grant. Re-authenticate it.',
      );
    }
    return work(sql, grant);
  });
}
