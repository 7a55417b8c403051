import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DataDirectoryInUseError, DiskFullError, EmbeddedPostgresError } from './errors.ts';

const SQLITE_BUSY = 5;

/**
 * Takes the data directory for this process; returns the function that gives it back.
 *
 * The lock is a file lock of the kernel, reached through SQLite because Node has no call for it: it ends with the
 * process however that dies, so there is no stale lock, no question of reused pids, and it holds between containers
 * that share a volume. Who holds it is written beside it, for the message only.
 */
export function lockDataDirectory(dataDir: string): () => void {
  const ownerFile = join(dataDir, 'mailquay.owner');
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(join(dataDir, 'mailquay.lock'), { timeout: 0 });
    // Nothing is ever written to it, so it needs no journal.
    file.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    writeFileSync(ownerFile, JSON.stringify({ pid: process.pid, host: hostname() }), { mode: 0o644 });
  } catch (error) {
    file?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new DataDirectoryInUseError(dataDir, readOwner(ownerFile));
    }
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new DiskFullError(dataDir, { cause: error });
    throw new EmbeddedPostgresError(
      'data_directory_unusable',
      `The data directory ${dataDir} cannot be locked (${(error as Error).message}). It must be writable and on a file system with file locks.`,
      { cause: error },
    );
  }
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    rmSync(ownerFile, { force: true });
    file?.close();
  };
}

function readOwner(file: string): { pid: number; host: string } | null {
  try {
    const owner: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (owner && typeof owner === 'object' && 'pid' in owner && 'host' in owner) {
      return { pid: Number(owner.pid), host: String(owner.host) };
    }
  } catch {
    // Being written at this moment: the lock itself is what counts.
  }
  return null;
}
