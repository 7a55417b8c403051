import type { Sql } from '../store/database.ts';
import { type AuthenticatedGrant, type Grant, reauthenticateGrant } from '../store/grants.ts';
import { forgetPlaces } from '../store/moved-account.ts';

/** Ports on which one server shows one mailbox, with TLS and without. */
const USUAL_PORTS: unknown[] = [143, 993];

/**
 * Gives a grant that exists a new authentication (see reauthenticateGrant). `before` is locked by the caller. When it
 * leads to another account or server, the mail there is matched by its contents: its UIDs are not the old ones.
 */
export async function reauthenticate(sql: Sql, before: Grant, grant: AuthenticatedGrant): Promise<Grant> {
  const { applicationId, id } = before;
  const updated = await reauthenticateGrant(sql, { applicationId, id }, grant);
  if (!isSameAccount(before.settings, { ...grant.settings }))
    await forgetPlaces(sql, { applicationId, grantId: id });
  return updated;
}

function isSameAccount(before: Record<string, unknown>, after: Record<string, unknown>): boolean {
  const host = ({ imap_host }: Record<string, unknown>) => String(imap_host).toLowerCase();
  return (
    host(before) === host(after) &&
    before.imap_username === after.imap_username &&
    (before.imap_port === after.imap_port ||
      (USUAL_PORTS.includes(before.imap_port) && USUAL_PORTS.includes(after.imap_port)))
  );
}
