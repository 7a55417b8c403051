import type { Config } from '../platform/config.ts';
import { createEgress, type Egress } from '../platform/egress.ts';
import { createLog, type Log } from '../platform/log.ts';
import { makeDataDirectory } from '../platform/make-directory.ts';
import { readSecrets, type Secrets } from '../platform/secrets.ts';
import { forgetEngines } from '../store/engines.ts';
import { freeLeases } from '../store/leases.ts';
import { checkMasterKeys, ensureMasterKey } from '../store/master-keys.ts';
import { type OpenDatabase, type OpenOptions, openDatabase } from '../store/open.ts';

/** What every command stands on. */
export interface Instance {
  config: Config;
  log: Log;
  secrets: Secrets;
  egress: Egress;
  database: OpenDatabase;
}

/** Opens database and secrets; refuses a wrong master key before anything is written. */
export async function openInstance(
  config: Config,
  options: Pick<OpenOptions, 'join' | 'onExit'> = {},
): Promise<Instance> {
  const log = createLog(config.logLevel);
  // The embedded server makes its own, with the modes that it needs.
  if (config.databaseUrl) makeDataDirectory(config.dataDir);
  const secrets = readSecrets(config);
  const database = await openDatabase(config, log, {
    ...options,
    beforeWriting: (client) => checkMasterKeys(client, secrets),
  });
  try {
    await ensureMasterKey(database.db, secrets);
    // We have just started the embedded server: whoever held a lease is dead, and need not be waited for.
    if (!config.databaseUrl && !database.guest) {
      await database.db.engine(async (sql) => {
        await freeLeases(sql);
        await forgetEngines(sql, null);
      });
    }
  } catch (error) {
    await database.close();
    throw error;
  }
  return { config, log, secrets, egress: createEgress(config), database };
}
