import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { eventually } from './eventually.ts';

const ROOT = dirname(dirname(import.meta.dirname));
export const LAUNCHER = join(ROOT, 'bin', 'mailquay.js');

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** `mailquay ...` as a process of its own, in a process group of its own. */
export class Cli {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(command: string[], env: Record<string, string>, options: { typed?: boolean } = {}) {
    const [program = '', ...args] = command;
    this.child = spawn(program, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin?.on('error', () => {});
    if (!options.typed) this.child.stdin?.end();
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code, signal) =>
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }),
      ),
    );
  }

  /** Waits for a text on standard output and returns what the pattern's group caught. */
  async says(pattern: RegExp, ms = 30_000): Promise<string> {
    return eventually(() => {
      const found = pattern.exec(this.stdout);
      if (found) return found[1] ?? found[0];
      throw new Error(
        `"${pattern}" was not said. Standard output:\n${this.stdout}\nand error:\n${this.stderr}`,
      );
    }, ms);
  }

  /** What somebody types, once there is a question. */
  async answer(question: RegExp, text: string): Promise<void> {
    await this.says(question);
    this.child.stdin?.write(`${text}\r`);
  }

  /** Where the API answers. */
  ready(): Promise<string> {
    return this.says(/mailquay is ready at (http\S+)/);
  }

  /** To the whole process group, as a terminal does with Ctrl-C. */
  signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.child.pid!, signal);
    } catch {
      // ended meanwhile
    }
  }
}

/** A data directory of its own, with all the processes that were started on it. */
export class CliHome {
  readonly directory: string;
  readonly dataDir: string;
  readonly #started: Cli[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.dataDir = join(directory, 'data');
  }

  static async make(): Promise<CliHome> {
    const directory = await mkdtemp(join(tmpdir(), 'mailquay-cli-'));
    await chmod(directory, 0o711); // as root the database runs as somebody else, who must get in
    return new CliHome(directory);
  }

  /** Nothing of our own environment but what a login shell has. */
  env(more: Record<string, string> = {}): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '',
      HOME: this.directory,
      TMPDIR: tmpdir(),
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '',
      MAILQUAY_PORT: '0',
      MAILQUAY_DATA_DIR: this.dataDir,
      MAILQUAY_ALLOW_PRIVATE_NETWORKS: 'true',
      ...more,
    };
  }

  spawn(args: string[], env: Record<string, string> = {}): Cli {
    return this.exec([process.execPath, LAUNCHER, ...args], env);
  }

  /** On a pseudo terminal; both outputs come on one. */
  atTerminal(args: string[], env: Record<string, string> = {}): Cli {
    const quoted = [process.execPath, LAUNCHER, ...args].map((arg) => `'${arg}'`).join(' ');
    return this.exec(['script', '-qec', quoted, '/dev/null'], { TERM: 'xterm', ...env }, { typed: true });
  }

  exec(command: string[], env: Record<string, string> = {}, options: { typed?: boolean } = {}): Cli {
    const cli = new Cli(command, this.env(env), options);
    this.#started.push(cli);
    return cli;
  }

  run(args: string[], env: Record<string, string> = {}): Promise<Ended> {
    return this.spawn(args, env).ended;
  }

  /** Processes that work on this data directory: by their command line, or by where they stand. */
  processes(directory = this.dataDir): { pid: number; command: string }[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .flatMap((name) => {
        const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
        const below = (path: string) => path === directory || path.startsWith(directory + sep);
        return command.includes(directory) || below(link(`/proc/${name}/cwd`))
          ? [{ pid: Number(name), command }]
          : [];
      });
  }

  async remove(): Promise<void> {
    for (const cli of this.#started) cli.signalGroup('SIGKILL');
    await Promise.all(this.#started.map((cli) => cli.ended));
    await eventually(() => {
      const left = this.processes();
      if (left.length > 0) throw new Error(`still there: ${JSON.stringify(left)}`);
    });
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
