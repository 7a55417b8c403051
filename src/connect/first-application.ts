import type { Config } from '../platform/config.ts';
import { StartupError } from '../platform/errors.ts';
import { SecretValue } from '../platform/secret-value.ts';
import {
  deleteApiKeysNamed,
  findApiKeyByHash,
  generateApiKey,
  hashApiKey,
  insertApiKey,
  restoreApiKey,
} from '../store/api-keys.ts';
import { type Application, insertApplication, listApplications } from '../store/applications.ts';
import type { Database, Sql } from '../store/database.ts';

/** Name of the key that follows MAILQUAY_API_KEY. */
const ENVIRONMENT_KEY = 'environment';

/**
 * At each start: makes the application "Default" when there is none, with a first key that the caller shows once,
 * and lets the first application's `environment` key follow MAILQUAY_API_KEY.
 */
export async function ensureFirstApplication(
  db: Database,
  config: Pick<Config, 'apiKey'>,
): Promise<{ application: Application; newKey?: string }> {
  return db.engine(async (sql) => {
    // Several processes may start at once: only one makes the first application. Readers are not held up.
    await sql.run('LOCK TABLE applications IN SHARE ROW EXCLUSIVE MODE');
    const [existing] = await listApplications(sql);
    const application = existing ?? (await insertApplication(sql, 'Default'));
    if (config.apiKey !== null) {
      await followEnvironment(sql, application.id, config.apiKey);
      return { application };
    }
    if (existing) return { application };
    const newKey = generateApiKey();
    await insertApiKey(sql, { applicationId: application.id, name: 'first', value: newKey });
    return { application, newKey: newKey.reveal() };
  });
}

async function followEnvironment(sql: Sql, applicationId: string, value: string): Promise<void> {
  const hash = hashApiKey(value);
  await deleteApiKeysNamed(sql, applicationId, ENVIRONMENT_KEY, hash);
  const known = await findApiKeyByHash(sql, hash);
  if (known && known.applicationId !== applicationId) {
    throw new StartupError(
      'MAILQUAY_API_KEY is already the key of another application. Choose another value.',
    );
  }
  if (!known) {
    await insertApiKey(sql, { applicationId, name: ENVIRONMENT_KEY, value: new SecretValue(value) });
  } else if (known.revokedAt !== null || known.expiresAt !== null) {
    await restoreApiKey(sql, known.id);
  }
}
