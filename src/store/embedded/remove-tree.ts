import { rm, rmdir } from 'node:fs/promises';
import { type ServerUser, tryAs } from './user.ts';

/** How often a directory into which somebody still writes is emptied again, and how far apart, in ms. */
const ATTEMPTS = 20;
const ATTEMPT_MS = 250;

/** Empties a directory of the server's user as that user, so that root never follows what it put there. */
export async function removeTree(path: string, user: ServerUser): Promise<void> {
  if (!user) return rm(path, { recursive: true, force: true, maxRetries: 5 });
  for (let attempt = 1; ; attempt += 1) {
    tryAs(user, ['/bin/rm', '-rf', '--', path]);
    try {
      return await rmdir(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code === 'ENOTDIR') return rm(path);
      // An initdb whose parent was killed may still be writing; its watchdog is about to end it.
      if (code !== 'ENOTEMPTY' || attempt === ATTEMPTS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, ATTEMPT_MS));
  }
}
