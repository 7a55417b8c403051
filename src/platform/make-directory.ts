import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartupError } from './errors.ts';

/**
 * Makes a directory and the parents that are missing, with the mode for each of them. One that is there stays as it
 * is. Throws the system's error. Not `recursive: true`: on file systems that answer ENOENT to every new name, such
 * as /proc, that tries for ever.
 */
export function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || statSync(parent, { throwIfNoEntry: false })) throw error;
    makeDirectory(parent, mode);
    mkdirSync(path, mode);
  }
}

/** Makes the data directory, for its owner only. Throws StartupError with what to do when it cannot be made. */
export function makeDataDirectory(dataDir: string): void {
  try {
    makeDirectory(dataDir, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartupError(
      `The data directory ${dataDir} cannot be made (${code}). Set MAILQUAY_DATA_DIR to one that can.`,
    );
  }
}
