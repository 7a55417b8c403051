import type { Log } from '../../platform/log.ts';
import { prepareBinaries } from './binaries.ts';
import { DATABASE, ensureCluster } from './cluster.ts';
import { DiskFullError, EmbeddedPostgresError } from './errors.ts';
import { stopLeftover } from './leftover.ts';
import { lockDataDirectory } from './lock.ts';
import { findPlace, makeSocketDirectory, PORT, prepareDataDirectory } from './place.ts';
import { type ServerExit, startServer } from './server.ts';
import { chooseServerUser } from './user.ts';

export interface EmbeddedPostgresOptions {
  /** Made if missing. The cluster goes to `<dataDir>/postgres`. */
  dataDir: string;
  log: Pick<Log, 'info' | 'warn'>;
  /** Called once if the server ends without {@link EmbeddedPostgres.stop}. Nothing restarts it. */
  onExit?: (exit: ServerExit) => void;
}

/** The running server and how to reach it. */
export interface EmbeddedPostgres {
  /** `host` is the directory of a Unix socket; the user is an ordinary role that owns the database. */
  connection: { host: string; port: number; user: string; database: string };
  /** The pid of the server's main process. */
  pid: number;
  /** For example `18.4`. */
  versionString: string;
  /** Shuts the server down and gives the data directory back. Safe to call more than once. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL that comes with mailquay on the cluster under `dataDir`, which is made on the first start.
 * One process owns a data directory at a time; the server ends with that process, even after `kill -9`.
 * Throws an {@link EmbeddedPostgresError} whose message says what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') {
    throw new EmbeddedPostgresError(
      'unsupported_platform',
      'The built-in PostgreSQL does not run on Windows. Use WSL, or set DATABASE_URL to a PostgreSQL of your own.',
    );
  }
  const { log } = options;
  const dataDir = await prepareDataDirectory(options.dataDir);
  const unlock = lockDataDirectory(dataDir);
  try {
    const place = await findPlace(dataDir, chooseServerUser());
    const binaries = await prepareBinaries(place.user, dataDir);
    await stopLeftover(place.clusterDir, (pid) =>
      log.warn({ pid }, 'stopping a PostgreSQL that an earlier process left behind'),
    );
    const cluster = await ensureCluster(place, binaries);
    const socketDir = await makeSocketDirectory(place);
    const server = await startServer({
      place,
      binaries,
      socketDir,
      log,
      onExit: options.onExit ?? (() => {}),
    });
    log.info({ pid: server.pid, version: binaries.version, cluster }, 'PostgreSQL is running');
    return {
      connection: { host: socketDir, port: PORT, user: DATABASE, database: DATABASE },
      pid: server.pid,
      versionString: binaries.version,
      stop: async () => {
        await server.stop();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new DiskFullError(dataDir, { cause: error });
    throw error;
  }
}
