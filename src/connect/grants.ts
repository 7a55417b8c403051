import { normalizeAddress } from '../mail/address.ts';
import { invalidRequest, notFound } from '../platform/errors.ts';
import type { Sql } from '../store/database.ts';
import {
  type Grant,
  type GrantFilter,
  getGrant,
  invalidateGrant,
  listGrants as listStored,
  lockGrant,
  softDeleteGrant,
  updateGrantRecord,
} from '../store/grants.ts';
import type { ConnectContext } from './context.ts';
import { readRecord } from './custom-authentication.ts';
import { isAddress } from './email.ts';
import { Fields } from './fields.ts';
import { writeGrantEvent } from './grant-events.ts';
import { sealGrantSecret } from './grant-secret.ts';
import { readImapRequest } from './imap-request.ts';
import { reauthenticate } from './reauthenticate.ts';
import { verifyLogins } from './verify-login.ts';

/** A page of an application's grants. */
export function listGrants(
  ctx: Pick<ConnectContext, 'db'>,
  applicationId: string,
  filter: Omit<GrantFilter, 'emailKey'> & { email: string | null },
): Promise<Grant[]> {
  const { email, ...rest } = filter;
  return ctx.db.tenant(applicationId, (sql) =>
    listStored(sql, applicationId, { ...rest, emailKey: email === null ? null : normalizeAddress(email) }),
  );
}

/** Throws 404 for a grant that is unknown, deleted, or another application's. */
export async function findGrant(
  ctx: Pick<ConnectContext, 'db'>,
  applicationId: string,
  id: string,
): Promise<Grant> {
  const grant = await ctx.db.tenant(applicationId, (sql) => getGrant(sql, applicationId, id));
  if (!grant) throw notFound();
  return grant;
}

/**
 * PATCH of a grant (contract 4.2): `settings` are replaced whole and the logins verified first, which makes the
 * grant valid again; `scope` and `name` only change the record. The address of a grant does not change.
 */
export async function updateGrant(
  ctx: ConnectContext,
  applicationId: string,
  id: string,
  requestBody: unknown,
): Promise<Grant> {
  const body = new Fields(requestBody, 'body');
  const record = readRecord(body);
  if (!body.has('settings')) return changeRecord(ctx, applicationId, id, record);

  const before = await findGrant(ctx, applicationId, id);
  const request = await readImapRequest(ctx, body);
  const username = request.settings.imap_username;
  if (
    isAddress(username) &&
    before.settings.imap_username !== username &&
    normalizeAddress(username) !== normalizeAddress(before.email)
  ) {
    throw invalidRequest('settings.imap_username', `is another address than the grant's, ${before.email}`);
  }
  await verifyLogins(ctx, request);
  const grant = await ctx.db.tenant(applicationId, async (sql) => {
    const current = await lockGrant(sql, applicationId, id);
    if (!current) throw notFound();
    const secret = await sealGrantSecret(sql, ctx.secrets, { applicationId, grantId: id }, request.secret);
    const updated = await reauthenticate(sql, current, {
      provider: current.provider,
      email: current.email,
      name: record.name ?? null,
      scope: record.scope ?? current.scope,
      state: current.state,
      ip: current.ip,
      userAgent: current.userAgent,
      settings: request.settings,
      secret,
    });
    await writeGrantEvent(sql, current.status === 'invalid' ? 'reauthenticated' : 'updated', updated);
    return updated;
  });
  return grant;
}

async function changeRecord(
  ctx: Pick<ConnectContext, 'db'>,
  applicationId: string,
  id: string,
  record: { scope?: string[]; name?: string },
): Promise<Grant> {
  if (record.scope === undefined && record.name === undefined) return findGrant(ctx, applicationId, id);
  return ctx.db.tenant(applicationId, async (sql) => {
    const grant = await updateGrantRecord(sql, { applicationId, id }, record);
    if (!grant) throw notFound();
    await writeGrantEvent(sql, 'updated', grant);
    return grant;
  });
}

/**
 * Ends a grant for good: from the commit on nobody finds it, its secret is erased, and its sync has lost the lease.
 * Its mail is erased in the background (`grant_erasures`).
 */
export async function deleteGrant(ctx: ConnectContext, applicationId: string, id: string): Promise<void> {
  await ctx.db.tenant(applicationId, async (sql) => {
    const grant = await softDeleteGrant(sql, applicationId, id);
    if (!grant) throw notFound();
    await writeGrantEvent(sql, 'deleted', grant);
  });
  ctx.log.info({ grantId: id, applicationId }, 'grant deleted');
}

/**
 * For the sync, after a refused login and never after a network error (rule 34): the grant becomes invalid and
 * `grant.expired` is written, once. Does nothing when the credentials have been replaced since they were read
 * (`secretVersion`). True when the grant became invalid now.
 */
export async function markGrantInvalid(
  sql: Sql,
  key: { applicationId: string; grantId: string; secretVersion: number },
): Promise<boolean> {
  const grant = await invalidateGrant(sql, { ...key, id: key.grantId });
  if (grant) await writeGrantEvent(sql, 'expired', grant);
  return grant !== undefined;
}
