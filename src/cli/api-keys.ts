import { createApiKey, listKeys, revokeKey } from '../connect/api-keys.ts';
import { resolveApplication } from '../connect/applications.ts';
import type { Database } from '../store/database.ts';

export interface ApiKeyCommandParts {
  db: Database;
  out: (line: string) => void;
}

/** `mailquay api-keys create [--app <id or name>] [--name <name>] [--expires-in-days <n>]` */
export async function createKey(
  args: { app?: string; name?: string; expiresInDays?: number },
  { db, out }: ApiKeyCommandParts,
): Promise<void> {
  const application = await resolveApplication(db, args.app);
  const { key, value } = await createApiKey(db, application.id, args);
  out(`API key "${key.name}" (${key.id}) of application "${application.name}":`);
  out(value);
  out('It is not shown again.');
}

/** `mailquay api-keys list [--app <id or name>]` */
export async function listApiKeys(args: { app?: string }, { db, out }: ApiKeyCommandParts): Promise<void> {
  const application = await resolveApplication(db, args.app);
  for (const key of await listKeys(db, application.id)) {
    const state =
      key.revokedAt !== null ? 'revoked' : key.expiresAt !== null ? `expires ${day(key.expiresAt)}` : 'valid';
    out(`${key.id}  …${key.last4}  created ${day(key.createdAt)}  ${state}  ${key.name}`);
  }
}

/** `mailquay api-keys revoke <id> [--app <id or name>]`: counts in every process within seconds. */
export async function revokeApiKey(
  args: { app?: string; id: string },
  { db, out }: ApiKeyCommandParts,
): Promise<void> {
  const application = await resolveApplication(db, args.app);
  await revokeKey(db, application.id, args.id);
  out(`API key ${args.id} is revoked.`);
}

function day(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().slice(0, 10);
}
