import { existsSync } from 'node:fs';
import {
  lchown,
  lstat,
  mkdir,
  mkdtemp,
  readlink,
  realpath,
  rm,
  rmdir,
  stat,
  symlink,
} from 'node:fs/promises';

import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { makeDirectory } from '../../platform/make-directory.ts';
import { EmbeddedPostgresError } from './errors.ts';
import { reserveOutside } from './outside.ts';
import { canEnter, type ServerUser } from './user.ts';

/** PostgreSQL puts its port into the name of its socket; any fixed number will do. */
export const PORT = 5432;
/** The longest path of a Unix socket, in bytes, on the narrowest system we know (macOS: 104 with the closing zero). */
const SOCKET_PATH_MAX = 103;

/** Where the cluster lies and who runs it. */
export interface Place {
  clusterDir: string;
  user: ServerUser;
}

/** Makes the data directory if need be and returns its real path. */
export async function prepareDataDirectory(dataDir: string): Promise<string> {
  try {
    // As root the server runs as somebody else, who must be able to pass through, though not to look around.
    makeDirectory(dataDir, process.getuid?.() === 0 ? 0o711 : 0o700);
    return await realpath(dataDir);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'data_directory_unusable',
      `The data directory ${dataDir} cannot be made or entered (${(cause as Error).message}). Set MAILQUAY_DATA_DIR to a directory that this user may write to.`,
      { cause },
    );
  }
}

/**
 * The cluster is `<dataDir>/postgres`. When the server's user cannot get there (a data directory below /root), that
 * name is a symbolic link to a directory of the system.
 */
export async function findPlace(dataDir: string, chosen: ServerUser): Promise<Place> {
  const name = join(dataDir, 'postgres');
  const found = await lstat(name).catch(() => null);
  let clusterDir = name;
  if (found?.isSymbolicLink()) {
    clusterDir = await readlink(name);
    if (!existsSync(dirname(clusterDir)) || (existsSync(madeMarker(clusterDir)) && !existsSync(clusterDir))) {
      throw new EmbeddedPostgresError(
        'cluster_missing',
        `${name} points to the database in ${clusterDir}, which is not there. Bring it back (it does not travel with the data directory), or remove the link to begin with an empty database.`,
      );
    }
  } else if (!found && chosen && !canEnter(chosen, dataDir)) {
    clusterDir = await reserveOutside(name);
  }
  return { clusterDir, user: await ownerOf(clusterDir, chosen) };
}

/** Left beside a cluster once it is complete, to tell "not made yet" from "gone". */
export function madeMarker(clusterDir: string): string {
  return `${clusterDir}.made`;
}

/** An existing cluster stays with the user that it belongs to. */
async function ownerOf(clusterDir: string, chosen: ServerUser): Promise<ServerUser> {
  const found = await stat(clusterDir).catch(() => null);
  const ourUid = process.getuid?.() ?? 0;
  let user = chosen;
  if (found && ourUid === 0 && found.uid !== 0) {
    user = { name: `uid ${found.uid}`, uid: found.uid, gid: found.gid };
  } else if (found && (ourUid === 0 || found.uid !== ourUid)) {
    throw new EmbeddedPostgresError(
      'cluster_not_accessible',
      `The database in ${clusterDir} belongs to uid ${found.uid}, but must belong to ${chosen?.name ?? `uid ${ourUid}`}. Start mailquay as the user that made it, or give it over: chown -R ${chosen?.name ?? ourUid} ${clusterDir}`,
    );
  }
  if (user && !canEnter(user, dirname(clusterDir))) {
    throw new EmbeddedPostgresError(
      'cluster_not_accessible',
      `PostgreSQL runs as ${user.name} here, who may not enter ${dirname(clusterDir)}. Allow it (chmod o+x on that directory and those above it), or set MAILQUAY_DATA_DIR to another directory.`,
    );
  }
  return user;
}

/** A directory of mode 0700 that belongs to the server's user. The parent must not be writable by that user. */
export async function makePrivateDirectory(path: string, user: ServerUser): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (user) await lchown(path, user.uid, user.gid);
}

/**
 * The private directory of the server's socket: beside the cluster, or, where that path is too long for a Unix
 * socket, a temporary one to which a symbolic link in that place leads.
 */
export async function makeSocketDirectory({ clusterDir, user }: Place): Promise<string> {
  const preferred = `${clusterDir}-socket`;
  await removeSocketDirectory(preferred);
  if (fits(preferred)) {
    await makePrivateDirectory(preferred, user);
    return preferred;
  }
  const base = [tmpdir(), '/tmp'].find((dir) => fits(join(dir, 'mailquay-XXXXXX')) && canEnter(user, dir));
  if (!base) {
    throw new EmbeddedPostgresError(
      'data_directory_unusable',
      `The path ${clusterDir} is too long for a socket, and there is no temporary directory to put it in. Set MAILQUAY_DATA_DIR to a shorter path.`,
    );
  }
  const temporary = await mkdtemp(join(base, 'mailquay-'));
  if (user) await lchown(temporary, user.uid, user.gid);
  await symlink(temporary, preferred);
  return temporary;
}

function fits(directory: string): boolean {
  return Buffer.byteLength(join(directory, `.s.PGSQL.${PORT}`)) <= SOCKET_PATH_MAX;
}

/** Removes what an earlier server left: its socket and lock file, never anything else. */
async function removeSocketDirectory(preferred: string): Promise<void> {
  const found = await lstat(preferred).catch(() => null);
  if (!found) return;
  const directory = found.isSymbolicLink() ? await readlink(preferred) : preferred;
  if (found.isSymbolicLink()) await rm(preferred);
  if (found.isSymbolicLink() && !basename(directory).startsWith('mailquay-')) return;
  for (const name of [`.s.PGSQL.${PORT}`, `.s.PGSQL.${PORT}.lock`]) {
    await rm(join(directory, name), { force: true });
  }
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && directory === preferred) throw error;
  });
}
