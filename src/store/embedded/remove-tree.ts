import { rm, rmdir } from 'node:fs/promises';
import { type ServerUser, tryAs } from './user.ts';

/** Empties a directory of the server's user as that user, so that root never follows what it put there. */
export async function removeTree(path: string, user: ServerUser): Promise<void> {
  if (!user) return rm(path, { recursive: true, force: true, maxRetries: 5 });
  tryAs(user, ['/bin/rm', '-rf', '--', path]);
  await rmdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return rm(path);
    if (error.code !== 'ENOENT') throw error;
  });
}
