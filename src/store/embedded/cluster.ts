import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { ClusterVersionError, EmbeddedPostgresError, explainFailure } from './errors.ts';
import { runGuarded } from './guard.ts';
import { madeMarker, makePrivateDirectory, type Place } from './place.ts';
import { removeTree } from './remove-tree.ts';

/** The database, and the ordinary role that owns it and that everything runs as. */
export const DATABASE = 'mailquay';
/** Nobody but the first line below connects as this one. */
const SUPERUSER = 'postgres';

/**
 * Written into postgresql.conf when the cluster is made, the operator's to change afterwards. For a laptop: mail is
 * read by keyset, so nothing here gains from just-in-time compilation, and an SSD reads at random nearly for free.
 */
const SETTINGS = {
  max_connections: '100',
  shared_buffers: '128MB',
  work_mem: '16MB',
  maintenance_work_mem: '128MB',
  random_page_cost: '1.1',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

/**
 * No superuser and no BYPASSRLS, so that row-level security holds; the extensions that the schema needs are trusted
 * ones, which the owner of a database may create.
 */
const FIRST_SQL = `
CREATE ROLE ${DATABASE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
CREATE DATABASE ${DATABASE} OWNER ${DATABASE};
`;

/**
 * Makes the cluster if there is none, in one step that a crash cannot leave half done: it grows under a temporary
 * name and gets its own when it is complete and on disk. Also checks the version of one that exists.
 */
export async function ensureCluster(place: Place, binaries: Binaries): Promise<'made' | 'found'> {
  await removeUnfinished(place);
  const version = await readFile(join(place.clusterDir, 'PG_VERSION'), 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return null;
    throw explainFailure('read its version', place.clusterDir, error.message);
  });
  if (version !== null) {
    if (version.trim() !== binaries.majorVersion) {
      throw new ClusterVersionError(place.clusterDir, version.trim(), binaries.majorVersion);
    }
    return 'found';
  }
  await make(place, binaries);
  return 'made';
}

async function make({ clusterDir, user }: Place, { initdb, postgres }: Binaries): Promise<void> {
  const temporary = `${clusterDir}.tmp-${randomUUID()}`;
  try {
    await makePrivateDirectory(temporary, user);
    // The builtin provider sorts and folds case the same on every machine; libc's LC_CTYPE is for pg_trgm.
    const created = await runGuarded(user, [
      ...[initdb, '-D', temporary, `--username=${SUPERUSER}`, '--no-instructions'],
      ...['--auth-local=trust', '--auth-host=reject', '--encoding=UTF8', '--locale=C'],
      ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
      `--lc-ctype=${process.platform === 'darwin' ? 'UTF-8' : 'C.UTF-8'}`,
      ...Object.entries(SETTINGS).map(([name, value]) => `--set=${name}=${value}`),
    ]);
    if (created.code !== 0) throw explainFailure('make a database', clusterDir, created.said);
    const feed = 'printf %s "$1" | "$2" --single -D "$3" postgres >/dev/null';
    const prepared = await runGuarded(user, ['/bin/sh', '-c', feed, 'sh', FIRST_SQL, postgres, temporary]);
    if (prepared.code !== 0 || /^.*(ERROR|FATAL|PANIC): /m.test(prepared.said)) {
      throw explainFailure('make its first role', clusterDir, prepared.said);
    }
    await rename(temporary, clusterDir);
    await writeFile(madeMarker(clusterDir), '');
    await syncDirectory(dirname(clusterDir));
  } catch (error) {
    await removeTree(temporary, user).catch(() => {});
    if (error instanceof EmbeddedPostgresError) throw error;
    throw explainFailure('make a database', clusterDir, String((error as Error).message));
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** What a start that was killed while it made the cluster has left. */
async function removeUnfinished({ clusterDir, user }: Place): Promise<void> {
  const prefix = `${basename(clusterDir)}.tmp-`;
  for (const name of await readdir(dirname(clusterDir))) {
    if (name.startsWith(prefix)) await removeTree(join(dirname(clusterDir), name), user);
  }
}
