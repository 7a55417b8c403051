import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../testbed/process.ts';

const ROOT = dirname(import.meta.dirname);
const run = promisify(execFile);

/** npm installs Node, PostgreSQL and the rest: 150 MB when nothing is cached. */
const INSTALL_TIMEOUT_MS = 300_000;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;

/** The environment of somebody who is not inside our checkout: the machine's own node and npm, no settings of ours. */
function strangersEnvironment(): NodeJS.ProcessEnv {
  const ours =
    /^(npm_(lifecycle|package|command|execpath|node_execpath)|npm_config_.*prefix|MAILQUAY_|DATABASE_URL|INIT_CWD|NODE|VITEST)/;
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name));
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

describe('the package', () => {
  const env = strangersEnvironment();
  let directory: string;
  let child: ChildProcess | undefined;
  let output = '';

  beforeAll(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'mq-package-')));
    await chmod(directory, 0o711); // as root the database runs as somebody else, who must get in
    await run('npm', ['pack', '--pack-destination', directory], { cwd: ROOT, env });
    const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz'))!;
    await writeFile(join(directory, 'package.json'), '{"private":true}');
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], {
      cwd: directory,
      env,
    });
  }, INSTALL_TIMEOUT_MS);

  afterAll(async () => {
    if (child && child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });

  it('holds what runs and nothing else', async () => {
    const root = join(directory, 'node_modules', 'mailquay');
    expect(existsSync(join(root, 'dist', 'main.js'))).toBe(true);
    const files = await readdir(root, { recursive: true });
    expect(files.some((name) => name.endsWith('.sql'))).toBe(true);
    expect(files.filter((name) => name.endsWith('.ts') || name.startsWith('src'))).toEqual([]);
  });

  it('runs on whatever Node the machine has, and passes on how a command ended', async () => {
    const launcher = join(directory, 'node_modules', 'mailquay', 'bin', 'mailquay.js');
    const help = await run('node', [launcher, '--help'], { cwd: directory, env });
    expect(help.stdout).toContain('start');
    await expect(run('node', [launcher, 'no-such-command'], { cwd: directory, env })).rejects.toMatchObject({
      code: 1,
    });
  });

  it(
    'starts in an empty folder with the Node of the machine, and stops when told to',
    async () => {
      const [port] = await freePorts(1);
      const settings = {
        MAILQUAY_PORT: String(port),
        MAILQUAY_DATA_DIR: join(directory, 'data'),
        MAILQUAY_API_KEY: 'a-key-for-the-package-test',
      };
      child = spawn('npx', ['mailquay', 'start'], {
        cwd: directory,
        env: { ...env, ...settings },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [child.stdout!, child.stderr!]) {
        stream.on('data', (chunk) => {
          output += chunk;
        });
      }
      const ready = () =>
        fetch(`http://127.0.0.1:${port}/readyz`).then(
          (answer) => answer.status,
          () => 0,
        );
      await until(async () => (await ready()) === 200, START_TIMEOUT_MS, 'ready');

      child.kill('SIGTERM');
      await until(async () => (await ready()) === 0, STOP_TIMEOUT_MS, 'gone');
      const pidFile = join(directory, 'data', 'postgres', 'postmaster.pid');
      await until(async () => !existsSync(pidFile), STOP_TIMEOUT_MS, 'without its database');
    },
    START_TIMEOUT_MS + 2 * STOP_TIMEOUT_MS + 5_000,
  );

  async function until(done: () => Promise<boolean>, ms: number, state: string): Promise<void> {
    const end = Date.now() + ms;
    while (!(await done())) {
      if (Date.now() > end) throw new Error(`mailquay was not ${state} after ${ms} ms:\n${output}`);
      await sleep(50);
    }
  }
});
