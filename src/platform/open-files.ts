import { readdirSync, readFileSync } from 'node:fs';

/**
 * Kept free of connections to mail servers: requests that come, the database's pool (16), worker threads (about 8 files
 * each), raw copies and downloads.
 */
const RESERVED_FILES = 64;

/**
 * How many more connections to mail servers this process may open before files run short for everything else. The limit
 * (`ulimit -n`) is read anew each time, since an operator may raise it. Without end where the system does not tell.
 */
export function spareConnections(): number {
  try {
    const [, most] = /^Max open files +(\d+) /m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    if (most === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, Number(most) - RESERVED_FILES - readdirSync('/proc/self/fd').length);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EMFILE' ? 0 : Number.POSITIVE_INFINITY;
  }
}
