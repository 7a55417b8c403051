/** A private cluster of the system's PostgreSQL, to hold the suite against the oldest version that is supported. */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { chooseServerUser, spawnAs } from '../src/store/embedded/user.ts';
import { freePorts, run } from '../testbed/process.ts';

const PROGRAMS = '/usr/lib/postgresql';
const VERSION = '15';
const ROLE = 'mailquay';

export interface SystemPostgres {
  url: string;
  version: string;
  stop(): Promise<void>;
}

/** Starts a fresh cluster with an ordinary role that owns the database; installs PostgreSQL on Debian as root. */
export async function startSystemPostgres(): Promise<SystemPostgres> {
  const bin = join(PROGRAMS, VERSION, 'bin');
  if (!existsSync(join(bin, 'postgres'))) await install();
  const user = chooseServerUser();
  const directory = mkdtempSync(join(tmpdir(), 'mailquay-pg-'));
  if (user) chownSync(directory, user.uid, user.gid);
  const cluster = join(directory, 'cluster');
  const [port] = await freePorts(1);

  const call = (program: string, args: string[], input = '') => {
    const { status, stderr, error } = spawnSync(join(bin, program), args, {
      ...spawnAs(user),
      cwd: directory,
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'ignore', program === 'pg_ctl' ? 'ignore' : 'pipe'],
    });
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
  };
  const stop = async () => {
    try {
      call('pg_ctl', ['stop', '-D', cluster, '-m', 'fast', '-w']);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
  try {
    call('initdb', ['-D', cluster, '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8', '-A', 'trust', '-N']);
    const first = `CREATE ROLE ${ROLE} LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB;\nCREATE DATABASE ${ROLE} OWNER ${ROLE};\n`;
    call('postgres', ['--single', '-D', cluster, 'postgres'], first);
    const settings = `-c listen_addresses=127.0.0.1 -c port=${port} -c unix_socket_directories=`;
    const log = join(directory, 'log');
    call('pg_ctl', ['start', '-D', cluster, '-w', '-l', log, '-o', settings]);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return { url: `postgres://${ROLE}@127.0.0.1:${port}/${ROLE}`, version: VERSION, stop };
}

async function install(): Promise<void> {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`PostgreSQL ${VERSION} is missing: apt-get install postgresql-${VERSION}`);
  }
  // Without a cluster of its own, so that no service of the system starts.
  const install = (name: string) =>
    run('env', ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get', 'install', '-y', name]);
  await run('apt-get', ['update']);
  await install('postgresql-common');
  writeFileSync('/etc/postgresql-common/createcluster.d/mailquay.conf', 'create_main_cluster = false\n');
  await install(`postgresql-${VERSION}`);
}

/** The test files that use the helper of test/support which obeys DATABASE_URL, also through other helpers. */
export function databaseTests(root: string): string[] {
  const read = (pattern: string | string[]) =>
    globSync(pattern, { cwd: root }).map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));
  const support = read('test/support/**/*.ts').filter(({ file }) => !file.endsWith('.test.ts'));
  const helpers = new Set(
    support.filter(({ text }) => text.includes('DATABASE_URL')).map(({ file }) => file),
  );
  const usesHelper = (text: string) => [...helpers].some((file) => text.includes(`/${basename(file)}'`));
  for (let before = -1; before < helpers.size; ) {
    before = helpers.size;
    for (const { file, text } of support) if (usesHelper(text)) helpers.add(file);
  }
  return read(['src/**/*.test.ts', 'test/**/*.test.ts'])
    .filter(({ text }) => usesHelper(text))
    .map(({ file }) => file);
}
