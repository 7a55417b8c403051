import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError } from './errors.ts';

/** How long a leftover server gets for each step of its way out, in ms: by itself, asked, told, forced. */
const STEPS: { signal: NodeJS.Signals | null; waitMs: number }[] = [
  { signal: null, waitMs: 2_000 },
  { signal: 'SIGINT', waitMs: 20_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
];
const POLL_MS = 25;

/** What PostgreSQL writes into postmaster.pid. */
export interface PostmasterFile {
  pid: number;
  /** `starting`, `stopping`, `ready` or `standby`; empty while it is not known yet. */
  status: string;
}

export async function readPostmasterFile(clusterDir: string): Promise<PostmasterFile | null> {
  const text = await readFile(join(clusterDir, 'postmaster.pid'), 'utf8').catch(() => null);
  if (!text) return null;
  const lines = text.split('\n');
  return { pid: Number(lines[0]), status: lines[7]?.trim() ?? '' };
}

/**
 * Waits for or stops a server that an earlier process of ours left behind on this cluster. The caller holds the lock
 * on the data directory, so nobody needs that server any more. A pid that now belongs to somebody else (in a
 * container they repeat) is told by its command line, and the file that names it is removed, because PostgreSQL
 * itself would refuse to start; whether its shared memory is still in use it checks by other means too.
 */
export async function stopLeftover(clusterDir: string, onFound: (pid: number) => void): Promise<void> {
  const left = await readPostmasterFile(clusterDir);
  if (!left) return;
  if (!isPostmasterOf(left.pid, clusterDir)) {
    if (isAlive(left.pid)) await rm(join(clusterDir, 'postmaster.pid'), { force: true });
    return;
  }
  onFound(left.pid);
  for (const { signal, waitMs } of STEPS) {
    if (signal) send(left.pid, signal);
    if (await waitUntil(() => !isPostmasterOf(left.pid, clusterDir), waitMs)) return;
  }
  throw new EmbeddedPostgresError(
    'leftover_server',
    `An earlier PostgreSQL (process ${left.pid}) still runs on ${clusterDir} and does not stop. Stop it by hand (kill -QUIT ${left.pid}) and start again.`,
  );
}

/** Polls until `done` holds; false when `ms` have passed first. */
export async function waitUntil(done: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  while (!done()) {
    if (performance.now() > end) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Sends a signal to a process that may be gone already. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone, which is what a signal here is for.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether `pid` is the server of this very cluster. A zombie has no command line and counts as gone. */
export function isPostmasterOf(pid: number, clusterDir: string): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    if (process.platform === 'linux') {
      const [program, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return basename(program ?? '') === 'postgres' && args.includes(clusterDir);
    }
    const line = execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return line.includes(`postgres -D ${clusterDir} `);
  } catch {
    return false;
  }
}
