import { ApiError, notFound } from '../platform/errors.ts';
import { outcome } from '../platform/outcome.ts';
import type { Database, Sql } from '../store/database.ts';
import type { Grant } from '../store/grants.ts';
import type { Scope } from '../store/scope.ts';
import type { Principal } from './auth.ts';
import { findGrant, idOfGrant } from './grant-identifier.ts';

/**
 * Finds the grant that a path names and works in its application's transaction. An unknown, foreign or deleted grant
 * is 404, one whose login was refused is 401.
 */
export function inGrant<T>(
  db: Database,
  { applicationId }: Principal,
  identifier: string,
  work: (sql: Sql, scope: Scope) => Promise<T>,
): Promise<T> {
  return db.tenant(applicationId, async (sql) => {
    const grant = accepted(await findGrant(sql, applicationId, identifier));
    return work(sql, { applicationId, grantId: grant.id });
  });
}

/**
 * As {@link inGrant}, for work that only reads: since it changes nothing, it need not wait for the answer whether there
 * is such a grant. What it finds, or why it fails, is told only if there is.
 */
export function readInGrant<T>(
  db: Database,
  { applicationId }: Principal,
  identifier: string,
  work: (sql: Sql, scope: Scope) => Promise<T>,
): Promise<T> {
  return db.read(applicationId, async (sql) => {
    const grant = findGrant(sql, applicationId, identifier);
    const grantId = idOfGrant(identifier) ?? accepted(await grant).id;
    const [found, result] = await Promise.allSettled([grant, work(sql, { applicationId, grantId })]);
    accepted(outcome(found));
    return outcome(result);
  });
}

function accepted(grant: Grant | undefined): Grant {
  if (!grant) throw notFound();
  if (grant.status === 'invalid') {
    throw new ApiError(
      'grant.expired',
      'The mail provider no longer accepts the credentials of this grant. Re-authenticate it.',
    );
  }
  return grant;
}
