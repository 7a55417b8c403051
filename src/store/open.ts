import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Config } from '../platform/config.ts';
import { StartupError } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import { Database, type DatabaseTarget } from './database.ts';
import { assertDurable, assertVersion } from './durability.ts';
import { DATABASE } from './embedded/cluster.ts';
import { DataDirectoryInUseError } from './embedded/errors.ts';
import { PORT } from './embedded/place.ts';
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded/start.ts';
import { migrate } from './migrate.ts';
import { asOrdinaryRole } from './ordinary-role.ts';

export interface OpenDatabase {
  db: Database;
  target: DatabaseTarget;
  /** True when another process runs the embedded server, and we are its guest. */
  guest: boolean;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Be the guest of a running mailquay on the same data directory instead of refusing to start. */
  join?: boolean;
  /** Runs before anything is written, with a plain connection: the place to refuse a wrong master key. */
  beforeWriting?: (client: pg.ClientBase) => Promise<void>;
  /** The embedded server ended by itself. */
  onExit?: EmbeddedPostgresOptions['onExit'];
}

/**
 * Opens the database: the one of DATABASE_URL, or the embedded one, which is started. Refuses one that may forget
 * a commit or is too old, and brings the schema up to date.
 */
export async function openDatabase(
  config: Config,
  log: Log,
  options: OpenOptions = {},
): Promise<OpenDatabase> {
  const server = await reach(config, log, options);
  try {
    const target = await asOrdinaryRole(server.target);
    const client = new pg.Client(target);
    await connectOrExplain(client, config);
    try {
      await assertVersion(client);
      await assertDurable(client);
      await options.beforeWriting?.(client);
      const applied = await migrate(client);
      if (applied.length > 0) log.info({ applied }, 'the schema is up to date');
    } finally {
      await client.end();
    }
    const db = new Database(target);
    return {
      db,
      target,
      guest: server.guest,
      close: async () => {
        await db.close();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

interface Server {
  target: DatabaseTarget;
  guest: boolean;
  stop(): Promise<void>;
}

async function reach(config: Config, log: Log, options: OpenOptions): Promise<Server> {
  if (config.databaseUrl) {
    return { target: { connectionString: config.databaseUrl }, guest: false, stop: async () => {} };
  }
  try {
    const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log, onExit: options.onExit });
    return { target: embedded.connection, guest: false, stop: () => embedded.stop() };
  } catch (error) {
    if (!(error instanceof DataDirectoryInUseError) || !options.join) throw error;
    return {
      target: { host: await socketDirectory(config.dataDir), port: PORT, user: DATABASE, database: DATABASE },
      guest: true,
      stop: async () => {},
    };
  }
}

/** Where the server of a running mailquay listens, by the layout of embedded/place.ts. */
async function socketDirectory(dataDir: string): Promise<string> {
  const follow = async (path: string) => ((await lstat(path)).isSymbolicLink() ? readlink(path) : path);
  return follow(`${await follow(join(dataDir, 'postgres'))}-socket`);
}

async function connectOrExplain(client: pg.Client, config: Config): Promise<void> {
  try {
    await client.connect();
  } catch (error) {
    const { message } = error as Error;
    throw new StartupError(
      config.databaseUrl
        ? `The PostgreSQL of DATABASE_URL cannot be reached: ${message}. Is it running, and are user, password and database right?`
        : `The embedded PostgreSQL cannot be reached: ${message}.`,
      { cause: error },
    );
  }
}
