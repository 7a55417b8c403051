import { createApplication, listAll } from '../connect/applications.ts';
import type { Database } from '../store/database.ts';

export interface AppCommandParts {
  db: Database;
  out: (line: string) => void;
}

/** `mailquay apps create <name>`: a tenant of its own, with a first API key. */
export async function createApp(args: { name: string }, { db, out }: AppCommandParts): Promise<void> {
  const { application, value } = await createApplication(db, args.name);
  out(`Application "${application.name}" (${application.id}), with this API key:`);
  out(value);
  out('It is not shown again.');
}

/** `mailquay apps list` */
export async function listApps({ db, out }: AppCommandParts): Promise<void> {
  for (const application of await listAll(db)) out(`${application.id}  ${application.name}`);
}
