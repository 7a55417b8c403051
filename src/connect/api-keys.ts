import { StartupError } from '../platform/errors.ts';
import { type ApiKey, generateApiKey, insertApiKey, listApiKeys, revokeApiKey } from '../store/api-keys.ts';
import type { Database } from '../store/database.ts';
import { isName } from './applications.ts';

const DAY_MS = 86_400_000;
const MAX_DAYS = 36_500;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A new API key; `value` is in this answer and nowhere else. */
export async function createApiKey(
  db: Database,
  applicationId: string,
  options: { name?: string; expiresInDays?: number },
): Promise<{ key: ApiKey; value: string }> {
  const { name = 'key', expiresInDays } = options;
  if (!isName(name)) throw new StartupError('The name of a key is one line of at most 100 characters.');
  if (expiresInDays !== undefined && !(expiresInDays > 0 && expiresInDays <= MAX_DAYS)) {
    throw new StartupError(`A key expires in 1 to ${MAX_DAYS} days.`);
  }
  const value = generateApiKey();
  const expiresAt = expiresInDays === undefined ? undefined : new Date(Date.now() + expiresInDays * DAY_MS);
  const key = await db.engine((sql) =>
    insertApiKey(sql, { applicationId, name: name.trim(), value, expiresAt }),
  );
  return { key, value: value.reveal() };
}

export function listKeys(db: Database, applicationId: string): Promise<ApiKey[]> {
  return db.engine((sql) => listApiKeys(sql, applicationId));
}

export async function revokeKey(db: Database, applicationId: string, id: string): Promise<void> {
  const revoked = UUID.test(id) && (await db.engine((sql) => revokeApiKey(sql, applicationId, id)));
  if (!revoked)
    throw new StartupError(`This application has no valid API key ${id}. See: mailquay api-keys list`);
}
