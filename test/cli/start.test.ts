import { existsSync } from 'node:fs';
import { chmod, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliHome, LAUNCHER } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

/** How long a stop may take on a busy machine, in ms; it is far below what an operator's supervisor waits. */
const STOP_MS = 10_000;

let home: CliHome;

beforeEach(async () => {
  home = await CliHome.make();
});
afterEach(() => home.remove());

const status = (origin: string, key: string) =>
  fetch(`${origin}/v3/applications`, { headers: { authorization: `Bearer ${key}` } }).then((a) => a.status);

async function nothingLeft(): Promise<void> {
  await eventually(() => expect(home.processes()).toEqual([]), STOP_MS);
  expect(existsSync(join(home.dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
}

describe('mailquay start', () => {
  it('shows a first key once; SIGTERM and Ctrl-C stop everything', async () => {
    const first = home.spawn(['start']);
    const origin = await first.ready();
    const key = await first.says(/first API key, shown only this once: {2}(\S+)/);
    expect(await status(origin, key)).toBe(200);
    expect(await status(origin, `${key}x`)).toBe(401);
    expect((await fetch(`${origin}/readyz`)).status).toBe(200);

    const begun = performance.now();
    first.child.kill('SIGTERM');
    expect(await first.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(performance.now() - begun).toBeLessThan(STOP_MS);
    await nothingLeft();

    const second = home.spawn(['start']);
    const again = await second.ready();
    expect(await status(again, key)).toBe(200);
    second.signalGroup('SIGINT');
    const ended = await second.ended;
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(ended.stdout).not.toContain('first API key');
    expect(ended.stdout).toContain('Stopping.');
    await nothingLeft();
  });

  it('takes MAILQUAY_API_KEY as the first key, follows it, and shows none', async () => {
    const first = home.spawn(['start'], { MAILQUAY_API_KEY: 'first-key-of-the-environment' });
    const origin = await first.ready();
    expect(await status(origin, 'first-key-of-the-environment')).toBe(200);

    // Started a second time on the same data, it says so, and leaves the first one alone.
    const second = await home.run(['start']);
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toBe(
      `mailquay: The data directory ${home.dataDir} is already used by mailquay (process ${first.child.pid} on ${hostname()}). Stop that one first, or set MAILQUAY_DATA_DIR to another directory.\n`,
    );
    expect(await status(origin, 'first-key-of-the-environment')).toBe(200);

    // After kill -9 it starts again at once, with whatever key the environment has by now.
    first.child.kill('SIGKILL');
    expect((await first.ended).stdout).not.toMatch(/API key|first-key/);
    const third = home.spawn(['start'], { MAILQUAY_API_KEY: 'other-key-of-the-environment' });
    const again = await third.ready();
    expect(await status(again, 'other-key-of-the-environment')).toBe(200);
    expect(await status(again, 'first-key-of-the-environment')).toBe(401);
    // The orphan of the first one is gone; there is one server.
    const servers = home
      .processes()
      .filter(({ command }) => /bin\/postgres -D/.test(command) && !/sh -c/.test(command));
    expect(servers.length).toBe(1);
  });

  it('names the port that is in use, and leaves nothing behind', async () => {
    const busy = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => busy.once('listening', done));
    const { port } = busy.address() as { port: number };
    try {
      const ended = await home.run(['start'], { MAILQUAY_PORT: String(port) });
      expect(ended).toMatchObject({
        code: 1,
        stdout: '',
        stderr: `mailquay: Port ${port} on 127.0.0.1 is in use. Stop what listens there, or set MAILQUAY_PORT to another port.\n`,
      });
      await nothingLeft();
    } finally {
      busy.close();
    }
  });

  it('stops at a signal in the middle of its start', async () => {
    const cli = home.spawn(['start']);
    await eventually(() => expect(existsSync(join(home.dataDir, 'mailquay.owner'))).toBe(true));
    await sleep(200);
    cli.signalGroup('SIGTERM');
    await cli.ended;
    await nothingLeft();
    expect(await home.spawn(['start']).ready()).toMatch(/^http/);
  });
});

/** Seen by different parts of the start; those that src/platform/config.ts refuses are in its own test. */
const WRONG: [string, Record<string, string>][] = [
  ['MAILQUAY_PORT', { MAILQUAY_PORT: '80a' }],
  ['MAILQUAY_HOST', { MAILQUAY_HOST: '192.0.2.1' }],
  ['MAILQUAY_DATA_DIR', { MAILQUAY_DATA_DIR: '/dev/null/data' }],
  ['MAILQUAY_MASTER_KEY', { MAILQUAY_MASTER_KEY: 'c29tZXRoaW5nIHNob3J0' }],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://ada:hidden-password@127.0.0.1:1/mail' }],
];

describe('a setting that cannot be', () => {
  it.concurrent.each(WRONG)('names %s: %j', async (name, env) => {
    const own = await CliHome.make();
    try {
      const { code, stdout, stderr } = await own.run(['start'], env);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      // One plain line that says what to do, without a stack.
      expect(stderr).toMatch(/^mailquay: [^\n]+\n$/);
      expect(stderr).toContain(name);
      expect(stderr).not.toMatch(/hidden-password|c29tZXRoaW5nIHNob3J0/);
    } finally {
      await own.remove();
    }
  });
});

describe.skipIf(process.getuid?.() !== 0)('as root, where the database may not enter', () => {
  it('runs from a checkout and on a data directory below a closed directory', async () => {
    const closed = join(home.directory, 'closed');
    await mkdir(closed, { mode: 0o700 });
    await chmod(closed, 0o700);
    await symlink(dirname(dirname(LAUNCHER)), join(closed, 'checkout'));
    const dataDir = join(closed, 'data');
    const launcher = join(closed, 'checkout', 'bin', 'mailquay.js');
    const cli = home.exec([process.execPath, '--preserve-symlinks-main', launcher, 'start'], {
      MAILQUAY_DATA_DIR: dataDir,
    });
    const key = await cli.says(/shown only this once: {2}(\S+)/);
    const outside = await readlink(join(dataDir, 'postgres'));
    try {
      expect(outside.startsWith(closed)).toBe(false);
      expect(home.processes(outside).length).toBeGreaterThan(0);
      cli.child.kill('SIGTERM');
      expect(await cli.ended).toMatchObject({ code: 0 });
      const again = home.spawn(['start'], { MAILQUAY_DATA_DIR: dataDir });
      expect(await status(await again.ready(), key)).toBe(200);
      again.child.kill('SIGTERM');
      await again.ended;
      await eventually(() => expect(home.processes(outside)).toEqual([]), STOP_MS);
    } finally {
      await rm(dirname(outside), { recursive: true, force: true });
    }
  });
});
