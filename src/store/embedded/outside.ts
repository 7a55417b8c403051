import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { isPostmasterOf, readPostmasterFile } from './leftover.ts';
import { removeTree } from './remove-tree.ts';

/** Where things go that a server running as another user than root must reach. */
export const SYSTEM_DIR = '/var/lib/mailquay';
const CLUSTERS = join(SYSTEM_DIR, 'clusters');
/** Names the link that leads here. */
const BELONGS_TO = 'belongs-to';

/**
 * Reserves a place outside the data directory for a cluster and makes `link` lead there, before there is a cluster,
 * so that it is never lost.
 */
export async function reserveOutside(link: string): Promise<string> {
  await mkdir(SYSTEM_DIR, { recursive: true, mode: 0o755 });
  await mkdir(CLUSTERS, { recursive: true, mode: 0o711 });
  await removeTemporary();
  const home = join(CLUSTERS, randomUUID());
  await mkdir(home, { mode: 0o711 });
  await writeFile(join(home, BELONGS_TO), link);
  const clusterDir = join(home, 'postgres');
  const temporary = `${link}.tmp-${randomUUID()}`;
  await symlink(clusterDir, temporary);
  await rename(temporary, link);
  return clusterDir;
}

/**
 * Removes clusters of data directories that were below the system's temporary directory and are gone: tests make
 * them. Anything else may only be unmounted for the moment and is kept.
 */
async function removeTemporary(): Promise<void> {
  const temporary = `${await realpath(tmpdir())}${sep}`;
  for (const name of await readdir(CLUSTERS)) {
    const home = join(CLUSTERS, name);
    const link = await readFile(join(home, BELONGS_TO), 'utf8').catch(() => null);
    if (!link?.startsWith(temporary) || existsSync(dirname(link))) continue;
    const clusterDir = join(home, 'postgres');
    const running = await readPostmasterFile(clusterDir);
    if (running && isPostmasterOf(running.pid, clusterDir)) continue;
    const owner = await stat(clusterDir).catch(() => null);
    const user = owner?.uid ? { uid: owner.uid, gid: owner.gid, name: '' } : null;
    for (const directory of [clusterDir, `${clusterDir}-socket`]) await removeTree(directory, user);
    await rm(home, { recursive: true, force: true });
  }
}
