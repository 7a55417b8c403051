import { type ChildProcess, spawn } from 'node:child_process';
import { type ServerUser, spawnAs } from './user.ts';

/**
 * Runs a program and stops it when we are gone, however we went: its standard input is a pipe whose other end only we
 * hold, so the end of file means that we died. Prints the program's pid first. The signal is repeated because the
 * program may not listen yet; after half a minute it is stopped the hard way (QUIT: PostgreSQL's immediate shutdown).
 */
const GUARD = `
exec 3<&0 </dev/null
signal=$1; shift
"$@" 3<&- &
program=$!
echo "$program"
{
  while read -r line <&3; do :; done
  tries=0
  while kill "-$signal" "$program" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 30 ]; then signal=QUIT; fi
    sleep 1
  done
} >/dev/null 2>&1 &
watch=$!
wait "$program"; code=$?
kill "$watch" 2>/dev/null
wait "$watch" 2>/dev/null
exit "$code"
`;

/** A program under guard. */
export interface Guarded {
  child: ChildProcess;
  /** The pid of the program itself, not of its guard. */
  pid: Promise<number>;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/**
 * Starts a program under guard, in a process group of its own so that Ctrl-C in a terminal reaches us alone.
 * `onStderr` gets whole lines.
 */
export function startGuarded(
  user: ServerUser,
  signalAtOurDeath: 'INT' | 'TERM',
  command: string[],
  onStderr: (line: string) => void,
): Guarded {
  const child = spawn('/bin/sh', ['-c', GUARD, 'mailquay-guard', signalAtOurDeath, ...command], {
    ...spawnAs(user),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {});
  eachLine(child.stderr, onStderr);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  exited.catch(() => {});
  const pid = new Promise<number>((resolve, reject) => {
    let first = true;
    eachLine(child.stdout, (line) => {
      if (first) resolve(Number(line));
      first = false;
    });
    exited.then(() => reject(new Error('the guard ended before its program began')), reject);
  });
  pid.catch(() => {});
  return { child, pid, exited };
}

/** Runs a program under guard to its end and returns its exit code and what it printed as errors. */
export async function runGuarded(
  user: ServerUser,
  command: string[],
): Promise<{ code: number | null; said: string }> {
  const lines: string[] = [];
  const { child, exited } = startGuarded(user, 'TERM', command, (line) => lines.push(line));
  const closed = new Promise((resolve) => child.once('close', resolve));
  const { code } = await exited;
  await closed;
  return { code, said: lines.join('\n') };
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) take(line);
  });
  stream.on('end', () => {
    if (rest) take(rest);
  });
}
