import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../platform/log.ts';
import type { Binaries } from './binaries.ts';
import { DiskFullError, type EmbeddedPostgresError, explainFailure } from './errors.ts';
import { startGuarded } from './guard.ts';
import { isPostmasterOf, readPostmasterFile, send, waitUntil } from './leftover.ts';
import { type Place, PORT } from './place.ts';

/** How long a server may take to be ready, in ms: after a crash it replays its log first. */
const START_TIMEOUT_MS = 300_000;
/** How long the processes of a killed server may hold on to its shared memory, in ms. */
const SHARED_MEMORY_WAIT_MS = 15_000;
/** How long a fast shutdown (sessions cut, checkpoint written) may take before an immediate one, in ms. */
const FAST_SHUTDOWN_MS = 20_000;
/** How long an immediate shutdown may take before the process is killed, in ms. */
const IMMEDIATE_SHUTDOWN_MS = 5_000;
const POLL_MS = 10;
const LOG_LINES_KEPT = 20;

/** How a server ended. */
export interface ServerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** What to tell the operator, when it ended because the disk is full. */
  problem: DiskFullError | null;
}

/** A running server. */
export interface Server {
  pid: number;
  /** Shuts it down; safe to call twice, and after it died. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  place: Place;
  binaries: Binaries;
  socketDir: string;
  log: Pick<Log, 'info' | 'warn'>;
  /** Called once when the server ends without having been stopped. */
  onExit: (exit: ServerExit) => void;
}

/** Starts the server and waits until it takes connections. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const end = performance.now() + SHARED_MEMORY_WAIT_MS;
  for (;;) {
    const outcome = await tryStart(options);
    if ('stop' in outcome) return outcome;
    // Sessions of a server that was killed notice within moments; until then PostgreSQL rightly refuses.
    if (!/shared memory block .* still in use/.test(outcome.said) || performance.now() > end) {
      throw outcome.error;
    }
    await sleep(200);
  }
}

async function tryStart({
  place: { clusterDir, user },
  binaries,
  socketDir,
  log,
  onExit,
}: ServerOptions): Promise<Server | { error: EmbeddedPostgresError; said: string }> {
  const lines: string[] = [];
  const command = [binaries.postgres, '-D', clusterDir, ...settings(socketDir)];
  const { child, exited, ...guarded } = startGuarded(user, 'INT', command, (line) => {
    lines.push(line);
    if (lines.length > LOG_LINES_KEPT) lines.shift();
    report(line, log);
  });
  let exit: Omit<ServerExit, 'problem'> | null = null;
  exited.then(
    (how) => {
      exit = how;
    },
    () => {
      exit = { code: null, signal: null };
    },
  );
  const failed = () => {
    const said = lines.join('\n');
    return { error: explainFailure('start', clusterDir, said), said };
  };
  const pid = await guarded.pid.catch(() => null);
  if (pid === null) return failed();

  const end = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const file = await readPostmasterFile(clusterDir);
    if (file?.pid === pid && file.status === 'ready') break;
    if (exit) return failed();
    if (performance.now() > end) {
      send(pid, 'SIGQUIT');
      return failed();
    }
    await sleep(POLL_MS);
  }

  let stopping: Promise<void> | null = null;
  exited.then((how) => {
    if (stopping) return;
    // Its guard may have been killed instead of the server, which then must not stay behind unwatched.
    if (isPostmasterOf(pid, clusterDir)) send(pid, 'SIGINT');
    onExit({ ...how, problem: diskFull(clusterDir, lines) });
  });
  // A program that forgot to stop the server ends all the same, and the server with it.
  const handles = [child, child.stdin, child.stdout, child.stderr] as { ref?(): void; unref?(): void }[];
  for (const handle of handles) handle.unref?.();
  return {
    pid,
    stop: () => {
      stopping ??= shutDown(pid, clusterDir, () => exit !== null, log);
      return stopping;
    },
  };
}

/** A session that finds no room goes on; only what ended the server counts. */
function diskFull(clusterDir: string, lines: string[]): DiskFullError | null {
  const last = lines.filter((line) => /\|(PANIC|FATAL):/.test(line)).join('\n');
  const error = explainFailure('go on', clusterDir, last);
  return error instanceof DiskFullError ? error : null;
}

async function shutDown(
  pid: number,
  clusterDir: string,
  guardGone: () => boolean,
  log: Pick<Log, 'warn'>,
): Promise<void> {
  const gone = () => guardGone() && !isPostmasterOf(pid, clusterDir);
  if (!gone()) send(pid, 'SIGINT');
  if (await waitUntil(gone, FAST_SHUTDOWN_MS)) return;
  log.warn({ pid }, 'PostgreSQL does not shut down; ending it at once, it will recover at the next start');
  send(pid, 'SIGQUIT');
  if (await waitUntil(gone, IMMEDIATE_SHUTDOWN_MS)) return;
  send(pid, 'SIGKILL');
  await waitUntil(gone, IMMEDIATE_SHUTDOWN_MS);
}

/** What must be so whatever postgresql.conf says: no network, our socket, and a log without content. */
function settings(socketDir: string): string[] {
  const values = {
    listen_addresses: '',
    port: String(PORT),
    unix_socket_directories: `"${socketDir.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '%b|',
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    log_statement: 'none',
    lc_messages: 'C',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * Passes on what the server says about itself. Errors of a session are left out: they can quote values of the mail
 * it was storing, and whoever ran the statement gets them anyway.
 */
function report(line: string, log: Pick<Log, 'info' | 'warn'>): void {
  const found = /^([a-z ]+)\|(\w+): +(.*)$/.exec(line);
  if (!found) return;
  const [, process, level, message] = found;
  if (process === 'client backend') return;
  if (level === 'LOG') log.info({ process }, `PostgreSQL: ${message}`);
  else log.warn({ process, level }, `PostgreSQL: ${message}`);
}
