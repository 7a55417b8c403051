import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { EmbeddedPostgresError } from './errors.ts';

/** The user that PostgreSQL runs as; null means "as we are". */
export type ServerUser = { uid: number; gid: number; name: string } | null;

/** Users that exist for such a purpose, best first. */
const PREFERRED = ['postgres', '_postgres', 'nobody'];

/**
 * PostgreSQL refuses to run as root, so as root it runs as an unprivileged user of this machine.
 * The user needs an entry in /etc/passwd, because initdb looks its name up.
 */
export function chooseServerUser(): ServerUser {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').flatMap(parsePasswdLine);
  const user = PREFERRED.flatMap((name) => users.filter((u) => u.name === name))[0] ?? users[0];
  if (user) return user;
  throw new EmbeddedPostgresError(
    'no_unprivileged_user',
    'PostgreSQL refuses to run as root, and /etc/passwd has no other user. Add one (useradd --system postgres), start mailquay as an ordinary user, or set DATABASE_URL.',
  );
}

function parsePasswdLine(line: string): NonNullable<ServerUser>[] {
  const [name, , uid, gid] = line.split(':');
  if (!name || !Number(uid) || !gid) return [];
  return [{ name, uid: Number(uid), gid: Number(gid) }];
}

/** Whether `user` can enter a directory, found out by trying: modes alone do not tell (ACLs, mounts, namespaces). */
export function canEnter(user: ServerUser, directory: string): boolean {
  return tryAs(user, ['/bin/sh', '-c', 'cd "$1"', 'sh', directory]).ok;
}

/** Runs a short command as `user` and tells whether it ended well, and what it printed. */
export function tryAs(
  user: ServerUser,
  [command, ...args]: [string, ...string[]],
): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...spawnAs(user),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { ok: status === 0, output: error ? error.message : `${stdout}${stderr}` };
}

/** The spawn options that make a child run as `user`, with an environment that holds nothing of ours. */
export function spawnAs(user: ServerUser): {
  cwd: string;
  env: Record<string, string>;
  uid?: number;
  gid?: number;
} {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };
  return user ? { cwd: '/', env, uid: user.uid, gid: user.gid } : { cwd: '/', env };
}
