import { StartupError } from '../../platform/errors.ts';

/** Why the embedded server cannot be used. */
export type EmbeddedPostgresCode =
  | 'unsupported_platform'
  | 'data_directory_in_use'
  | 'data_directory_unusable'
  | 'no_unprivileged_user'
  | 'cluster_missing'
  | 'cluster_not_accessible'
  | 'cluster_version'
  | 'disk_full'
  | 'leftover_server'
  | 'server_failed';

/** The embedded server cannot be used; the message says why and what to do. */
export class EmbeddedPostgresError extends StartupError {
  override name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresCode;

  constructor(code: EmbeddedPostgresCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Another process owns the data directory; `pid` is null when it could not be told. */
export class DataDirectoryInUseError extends EmbeddedPostgresError {
  override name = 'DataDirectoryInUseError';
  readonly pid: number | null;

  constructor(dataDir: string, owner: { pid: number; host: string } | null) {
    const who = owner ? `process ${owner.pid} on ${owner.host}` : 'another process';
    super(
      'data_directory_in_use',
      `The data directory ${dataDir} is already used by mailquay (${who}). Stop that one first, or set MAILQUAY_DATA_DIR to another directory.`,
    );
    this.pid = owner?.pid ?? null;
  }
}

/** The cluster was made by another major version of PostgreSQL than the one that came with this mailquay. */
export class ClusterVersionError extends EmbeddedPostgresError {
  override name = 'ClusterVersionError';

  constructor(clusterDir: string, found: string, expected: string) {
    super(
      'cluster_version',
      `The database in ${clusterDir} was made by PostgreSQL ${found}, but this mailquay brings PostgreSQL ${expected}. Start the mailquay that made it and dump it with pg_dump, then restore it into a fresh data directory; or serve it with PostgreSQL ${found} yourself and set DATABASE_URL.`,
    );
  }
}

/** No room left where the cluster lies. */
export class DiskFullError extends EmbeddedPostgresError {
  override name = 'DiskFullError';

  constructor(where: string, options?: ErrorOptions) {
    super(
      'disk_full',
      `The disk that holds ${where} is full. Free some space (at least 100 MB) and start again; nothing that was committed is lost.`,
      options,
    );
  }
}

/**
 * Turns what a PostgreSQL program said on its way out into an error that says what to do.
 * `doing` completes the sentence "PostgreSQL could not ...".
 */
export function explainFailure(doing: string, where: string, said: string): EmbeddedPostgresError {
  if (/No space left on device|disk quota exceeded/i.test(said)) return new DiskFullError(where);
  const lastWords = said.trim().split('\n').slice(-4).join('\n') || 'it said nothing';
  if (/Permission denied|wrong ownership|invalid permissions/i.test(said)) {
    return new EmbeddedPostgresError(
      'cluster_not_accessible',
      `PostgreSQL could not ${doing} because of the permissions of ${where}: it must belong to the user that runs PostgreSQL, with mode 0700.\n${lastWords}`,
    );
  }
  return new EmbeddedPostgresError(
    'server_failed',
    `PostgreSQL could not ${doing} in ${where}:\n${lastWords}`,
  );
}
