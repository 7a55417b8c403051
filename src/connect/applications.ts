import { isName, MAX_NAME } from '../model/scalars.ts';
import { StartupError } from '../platform/errors.ts';
import { generateApiKey, insertApiKey } from '../store/api-keys.ts';
import { type Application, insertApplication, listApplications } from '../store/applications.ts';
import type { Database } from '../store/database.ts';

/** A new tenant with a first API key, whose value is in the answer only. */
export async function createApplication(
  db: Database,
  name: string,
): Promise<{ application: Application; value: string }> {
  if (!isName(name)) throw new StartupError(`The name must be 1 to ${MAX_NAME} characters on one line.`);
  return db.engine(async (sql) => {
    const application = await insertApplication(sql, name.trim());
    const value = generateApiKey();
    await insertApiKey(sql, { applicationId: application.id, name: 'first', value });
    return { application, value: value.reveal() };
  });
}

export function listAll(db: Database): Promise<Application[]> {
  return db.engine(listApplications);
}

/** An application by id or unambiguous name; the first one when neither is given. */
export async function resolveApplication(db: Database, idOrName: string | undefined): Promise<Application> {
  const all = await listAll(db);
  if (idOrName === undefined) {
    if (!all[0]) throw new StartupError('There is no application yet: start the server first.');
    return all[0];
  }
  const found = all.filter((a) => a.id === idOrName.toLowerCase() || a.name === idOrName);
  if (found.length === 1) return found[0]!;
  throw new StartupError(
    found.length === 0
      ? `There is no application "${idOrName}". See: mailquay apps list`
      : `Several applications have the name "${idOrName}": use the id. See: mailquay apps list`,
  );
}
