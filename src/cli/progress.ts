import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../platform/errors.ts';
import type { Database } from '../store/database.ts';
import type { Scope } from '../store/scope.ts';
import { readProgress } from '../store/sync-states.ts';

const LOOK_MS = 500;
/** The rate is that of the last so many looks, so that it follows what happens now. */
const WINDOW = 20;
/** A sync that has not begun by then has no server to run it, in ms. */
const BEGIN_MS = 30_000;
const BAR = 24;

/** Shows the first sync of a grant, with rate and time to go, until it is complete. */
export async function showProgress(db: Database, scope: Scope, out: (line: string) => void): Promise<void> {
  const began = Date.now();
  const looks: { at: number; done: number }[] = [];
  let lastLine = '';
  for (;;) {
    const progress = await db.engine((sql) => readProgress(sql, scope));
    const now = Date.now();
    if (!progress && now - began > BEGIN_MS) {
      throw new StartupError(
        'The sync does not begin. Is mailquay running on this data directory? Start it with: npm start',
      );
    }
    if (progress) {
      looks.push({ at: now, done: progress.done });
      if (looks.length > WINDOW) looks.shift();
      if (progress.phase === 'live') {
        clear();
        const seconds = Math.max((now - began) / 1000, 0.1);
        out(
          `First sync complete: ${progress.done} messages in ${progress.folders} folders, ${seconds.toFixed(1)} s.`,
        );
        return;
      }
      const line = describe(progress, looks);
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
      // Without a terminal a line now and then, not one per look.
      else if (line !== lastLine && looks.length % 4 === 0) process.stderr.write(`${line}\n`);
      lastLine = line;
    }
    await sleep(LOOK_MS);
  }
}

function clear(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
}

function describe(
  { done, total, lastError }: { done: number; total: number; lastError: string | null },
  looks: { at: number; done: number }[],
): string {
  const [first] = looks;
  const last = looks.at(-1);
  const seconds = first && last ? (last.at - first.at) / 1000 : 0;
  const rate = first && last && seconds > 0 ? (last.done - first.done) / seconds : 0;
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░');
  const left = rate > 0 ? `${duration((total - done) / rate)} left` : (lastError ?? 'starting');
  return `${bar} ${Math.floor(share * 100)} %  ${done} of ${total} messages  ${Math.round(rate)}/s  ${left}`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.ceil(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.ceil((seconds % 3600) / 60)} min`;
}
