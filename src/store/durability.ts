import { StartupError } from '../platform/errors.ts';

/** Anything that runs a statement and gives its rows: a client or a pool of `pg`. */
export interface Queryable {
  query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
}

/** The oldest PostgreSQL that the schema works on, as `server_version_num` counts. */
const OLDEST_VERSION = 150_000;

/** A setting of the server under which an acknowledged commit could be lost. */
export class NotDurableError extends StartupError {
  override name = 'NotDurableError';
  readonly setting: string;

  constructor(setting: string, value: string) {
    const safe = value === 'on' ? 'off' : 'on';
    super(
      `PostgreSQL runs with ${setting} = ${value}, so mail that was acknowledged could be lost in a crash. Set ${setting} = ${safe} (postgresql.conf, ALTER SYSTEM, or ALTER ROLE / ALTER DATABASE ... RESET ${setting}) and start again.`,
    );
    this.setting = setting;
  }
}

/** The server is older than the schema needs. */
export class ServerVersionError extends StartupError {
  override name = 'ServerVersionError';

  constructor(version: string) {
    super(
      `PostgreSQL ${version} is too old: mailquay needs version 15 or later. Upgrade it, or unset DATABASE_URL.`,
    );
  }
}

/**
 * Refuses a server on which a commit does not survive a crash: `fsync` and `full_page_writes` must be on, and
 * `synchronous_commit` anything but off, as this connection sees them; and with `data_sync_retry` PostgreSQL would believe
 * a second fsync after one that failed, though the kernel has dropped what was to be written. Throws a {@link NotDurableError}.
 */
export async function assertDurable(client: Queryable): Promise<void> {
  const { rows } = await client.query(
    `SELECT name, setting FROM pg_settings
      WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
        OR name = 'data_sync_retry' AND setting = 'on' ORDER BY name`,
  );
  if (rows[0]) throw new NotDurableError(String(rows[0].name), String(rows[0].setting));
}

/** Refuses a server older than PostgreSQL 15 with a {@link ServerVersionError}. */
export async function assertVersion(client: Queryable): Promise<void> {
  const { rows } = await client.query(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS name`,
  );
  if (Number(rows[0]?.number) >= OLDEST_VERSION) return;
  throw new ServerVersionError(String(rows[0]?.name));
}
