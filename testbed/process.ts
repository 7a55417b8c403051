/** Small helpers around child processes and ports that the testbed's servers share. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const SYSTEM_PATH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];

/** Where a system program lies, also when PATH leaves out the sbin directories. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...SYSTEM_PATH];
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

/** Runs a program to its end and gives its standard output; a failure carries what it wrote. */
export function run(program: string, args: string[], input?: Buffer | string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 256 * 1024 * 1024, env: { ...process.env, LC_ALL: 'C.UTF-8' } };
    const child = execFile(findProgram(program) ?? program, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      reject(new Error(`${program} ${args.join(' ')}: ${stderr.trim() || stdout.trim() || error.message}`));
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Distinct ports on loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = net.createServer();
      return new Promise<net.Server>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A daemon kept in the foreground as our child; it is told to end when this process dies. */
export function spawnDaemon(program: string, args: string[]): { child: ChildProcess; output: () => string } {
  const file = findProgram(program) ?? program;
  const guard = findProgram('setpriv');
  const child = guard
    ? spawn(guard, ['--pdeathsig', 'TERM', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-8192);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(error.message)));
  return { child, output: () => text };
}

/** True once the process has ended or never started. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

/**
 * Ends a child of ours and everything below it: TERM, and KILL when it has not gone in time (at once for 0). What is
 * below may outlive it: a session of Dovecot goes on for half a minute without its master.
 */
export async function endChild(child: ChildProcess, graceMs = 5000): Promise<void> {
  if (hasEnded(child)) return;
  const pid = child.pid ?? 0;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (graceMs === 0) {
    signalTree(pid, 'SIGKILL');
    return gone;
  }
  const below = descendants(pid);
  child.kill('SIGTERM');
  const timer = setTimeout(() => signalTree(pid, 'SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
  signalEach(below, 'SIGKILL');
}

/** Sends a signal to a process and everything below it, parents first. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  if (pid <= 1) return;
  signalEach([pid, ...descendants(pid)], signal);
}

function signalEach(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // ended meanwhile
    }
  }
}

/** Process ids below one process, found through /proc. */
function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // ended meanwhile
    }
  }
  const found: number[] = [];
  for (let queue = children.get(pid) ?? []; queue.length > 0; ) {
    found.push(...queue);
    queue = queue.flatMap((one) => children.get(one) ?? []);
  }
  return found;
}

/** Waits until the server on a port speaks first, as IMAP, SMTP and LMTP servers do. */
export async function waitForGreeting(
  port: number,
  child: ChildProcess | undefined,
  limitMs = 10_000,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (Date.now() < end) {
    if (child && hasEnded(child)) throw new Error('the server ended while starting');
    if (await greets(port)) return;
    await sleep(10);
  }
  throw new Error(`nothing greets on port ${port} after ${limitMs} ms`);
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const done = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(2000, () => done(false));
    socket.once('data', () => done(true));
    socket.once('error', () => done(false));
    socket.once('close', () => resolve(false));
  });
}
