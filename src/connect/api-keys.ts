import { API_KEY_MAX_DAYS, type ApiKey as PublicApiKey } from '../model/api-key.ts';
import { isName } from '../model/scalars.ts';
import { notFound, StartupError } from '../platform/errors.ts';
import {
  type ApiKey,
  generateApiKey,
  getApiKey,
  insertApiKey,
  listApiKeys,
  revokeApiKey,
} from '../store/api-keys.ts';
import type { Database } from '../store/database.ts';

const DAY_MS = 86_400_000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A new API key; `value` is in this answer and nowhere else. */
export async function createApiKey(
  db: Database,
  applicationId: string,
  options: { name?: string; expiresInDays?: number },
): Promise<{ key: ApiKey; value: string }> {
  const { name = 'key', expiresInDays } = options;
  if (!isName(name)) throw new StartupError('The name of a key is one line of at most 100 characters.');
  if (expiresInDays !== undefined && !(expiresInDays > 0 && expiresInDays <= API_KEY_MAX_DAYS)) {
    throw new StartupError(`A key expires in 1 to ${API_KEY_MAX_DAYS} days.`);
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

/** The keys of an application that were not revoked, as the API shows them. */
export async function showKeys(db: Database, applicationId: string): Promise<PublicApiKey[]> {
  return (await listKeys(db, applicationId)).filter((key) => key.revokedAt === null).map(toApiKeyObject);
}

/** Throws 404 for a key that is unknown, revoked, or another application's. */
export async function showKey(db: Database, applicationId: string, id: string): Promise<PublicApiKey> {
  const key = UUID.test(id) ? await db.engine((sql) => getApiKey(sql, applicationId, id)) : undefined;
  if (!key || key.revokedAt !== null) throw notFound();
  return toApiKeyObject(key);
}

/** As {@link revokeKey}, for the API: throws 404. */
export async function deleteKey(db: Database, applicationId: string, id: string): Promise<void> {
  const revoked = UUID.test(id) && (await db.engine((sql) => revokeApiKey(sql, applicationId, id)));
  if (!revoked) throw notFound();
}

export function toApiKeyObject(key: ApiKey): PublicApiKey {
  return {
    id: key.id,
    application_id: key.applicationId,
    name: key.name,
    last4: key.last4,
    created_at: key.createdAt,
    ...(key.expiresAt !== null && { expires_at: key.expiresAt }),
  };
}
