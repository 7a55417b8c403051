import { resolveApplication } from '../connect/applications.ts';
import { createServiceAccount, listAccounts, revokeAccount } from '../connect/service-accounts.ts';
import type { Database } from '../store/database.ts';

interface ServiceAccountCommandParts {
  db: Database;
  out: (line: string) => void;
}

/** `mailquay service-accounts create [--app <id or name>] [--name <name>]` */
export async function createAccount(
  args: { app?: string; name?: string },
  { db, out }: ServiceAccountCommandParts,
): Promise<void> {
  const application = await resolveApplication(db, args.app);
  const { account, key } = await createServiceAccount(db, application.id, args.name);
  out(`Service account "${account.name}" (${account.id}) of application "${application.name}":`);
  out(JSON.stringify(key));
  out('It is not shown again.');
}

/** `mailquay service-accounts list [--app <id or name>]` */
export async function listServiceAccounts(
  args: { app?: string },
  { db, out }: ServiceAccountCommandParts,
): Promise<void> {
  const application = await resolveApplication(db, args.app);
  for (const account of await listAccounts(db, application.id)) {
    const created = new Date(account.createdAt * 1000).toISOString().slice(0, 10);
    const state = account.revokedAt === null ? 'valid' : 'revoked';
    out(`${account.id}  created ${created}  ${state}  ${account.name}`);
  }
}

/** `mailquay service-accounts revoke <id> [--app <id or name>]`: counts in every process at once. */
export async function revokeServiceAccount(
  args: { app?: string; id: string },
  { db, out }: ServiceAccountCommandParts,
): Promise<void> {
  const application = await resolveApplication(db, args.app);
  await revokeAccount(db, application.id, args.id);
  out(`Service account ${args.id} is revoked.`);
}
