/** A private Postfix on loopback in front of a private Dovecot: logins, local delivery, real bounces. */
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { requireTestbed } from './available.ts';
import type { Dovecot } from './dovecot.ts';
import { mainCf, masterCf, type PostfixSettings } from './postfix-config.ts';
import { privateDir } from './private-dir.ts';
import {
  endChild,
  findProgram,
  freePorts,
  hasEnded,
  run,
  signalTree,
  spawnDaemon,
  waitForGreeting,
} from './process.ts';

export interface PostfixOptions {
  /** Checks logins and takes local mail. */
  dovecot: Dovecot;
  /** Local domains; a recipient there that Dovecot does not know bounces. */
  domains?: string[];
  /** Recipients elsewhere: taken and bounced (as real submission servers do), or refused at once. */
  outside?: 'bounce' | 'refuse';
  /** Lines for main.cf. */
  extraConfig?: string;
  dir?: string;
  ports?: { smtp?: number; submission?: number; submissions?: number };
}

export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  requireTestbed(['dovecot', 'postfix']);
  for (let attempt = 1; ; attempt++) {
    const postfix = await Postfix.prepare(options);
    try {
      await postfix.start();
      return postfix;
    } catch (error) {
      await postfix.stop();
      if (attempt === 5 || !/in use|ended while/i.test(String(error))) throw error;
    }
  }
}

export class Postfix {
  readonly host = '127.0.0.1';
  readonly dir: string;
  /** Like port 25: anyone may send to the local domains. */
  readonly smtpPort: number;
  /** Like port 587: only after a login; plain text is allowed, STARTTLS offered when Dovecot has TLS. */
  readonly submissionPort: number;
  /** Like port 465; only when Dovecot has TLS. */
  readonly submissionsPort: number | undefined;
  readonly domains: string[];
  readonly #temporary: boolean;
  #child: ChildProcess | undefined;

  private constructor(settings: PostfixSettings, temporary: boolean) {
    this.dir = settings.dir;
    this.smtpPort = settings.smtpPort;
    this.submissionPort = settings.submissionPort;
    this.submissionsPort = settings.submissionsPort;
    this.domains = settings.domains;
    this.#temporary = temporary;
  }

  /** Writes folders and configuration; `start()` then runs it. */
  static async prepare(options: PostfixOptions): Promise<Postfix> {
    const { dovecot } = options;
    const dir = options.dir ?? privateDir('postfix');
    const [smtp = 0, submission = 0, submissions = 0] = await freePorts(3);
    const settings: PostfixSettings = {
      dir,
      smtpPort: options.ports?.smtp ?? smtp,
      submissionPort: options.ports?.submission ?? submission,
      domains: options.domains ?? ['mailquay.example', 'example.com'],
      authSocket: dovecot.authSocket,
      lmtpPort: dovecot.lmtpPort,
      outside: options.outside ?? 'bounce',
      extraConfig: options.extraConfig ?? '',
    };
    if (dovecot.certificateFiles) {
      settings.submissionsPort = options.ports?.submissions ?? submissions;
      settings.certificateFile = dovecot.certificateFiles.certificateFile;
      settings.keyFile = dovecot.certificateFiles.keyFile;
    }
    await makeFolders(dir);
    mkdirSync(`${dir}/etc`, { recursive: true });
    writeFileSync(`${dir}/etc/main.cf`, mainCf(settings));
    writeFileSync(`${dir}/etc/master.cf`, masterCf(settings));
    // Postfix waits until its configuration has not been touched for two seconds
    const aged = Date.now() / 1000 - 3600;
    for (const name of ['main.cf', 'master.cf']) utimesSync(`${dir}/etc/${name}`, aged, aged);
    return new Postfix(settings, options.dir === undefined);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    if (this.#child && !hasEnded(this.#child)) return;
    const { child, output } = spawnDaemon(await masterProgram(), ['-c', `${this.dir}/etc`, '-d']);
    this.#child = child;
    try {
      await waitForGreeting(this.smtpPort, child);
      await waitForGreeting(this.submissionPort, child);
    } catch (error) {
      await endChild(child, 0);
      throw new Error(
        `Postfix did not start: ${(error as Error).message}\n${output()}\n${this.log().slice(-2000)}`,
      );
    }
  }

  /** Ends the server and keeps its queue for `start()`. */
  async halt(): Promise<void> {
    if (!this.#child) return;
    this.resume();
    await endChild(this.#child, 2000);
    this.#child = undefined;
  }

  async restart(): Promise<void> {
    await this.halt();
    await this.start();
  }

  /** Ends the server and removes its folder unless the caller chose it. */
  async stop(): Promise<void> {
    if (this.#child) await endChild(this.#child, 0);
    this.#child = undefined;
    if (this.#temporary) rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  pause(): void {
    signalTree(this.pid, 'SIGSTOP');
  }

  resume(): void {
    signalTree(this.pid, 'SIGCONT');
  }

  /** Tries everything in the queue now. */
  async flush(): Promise<void> {
    await run('postqueue', ['-c', `${this.dir}/etc`, '-f']);
  }

  /** How many mails wait in the queue. */
  async queued(): Promise<number> {
    const lines = await run('postqueue', ['-c', `${this.dir}/etc`, '-j']);
    return lines.split('\n').filter((line) => line !== '').length;
  }

  log(): string {
    try {
      return readFileSync(`${this.dir}/mail.log`, 'utf8');
    } catch {
      return '';
    }
  }
}

/** Postfix's master program; distributions differ. */
async function masterProgram(): Promise<string> {
  const folders = ['/usr/lib/postfix/sbin', '/usr/libexec/postfix', '/usr/lib/postfix'];
  const found = folders.map((folder) => `${folder}/master`).find((file) => existsSync(file));
  return found ?? `${(await run('postconf', ['-h', 'daemon_directory'])).trim()}/master`;
}

const PRIVATE = [
  'active',
  'bounce',
  'corrupt',
  'defer',
  'deferred',
  'flush',
  'hold',
  'incoming',
  'private',
  'saved',
  'trace',
];

/** The queue's folders with the owners that Postfix insists on. */
async function makeFolders(dir: string): Promise<void> {
  if (!findProgram('postfix')) throw new Error('postfix is missing');
  const uid = Number(await run('id', ['-u', 'postfix']));
  const drop = Number((await run('getent', ['group', 'postdrop'])).split(':')[2]);
  const make = (folder: string, mode: number, user = 0, group = 0) => {
    mkdirSync(`${dir}/${folder}`, { recursive: true });
    chownSync(`${dir}/${folder}`, user, group);
    chmodSync(`${dir}/${folder}`, mode);
  };
  for (const folder of ['', 'queue', 'queue/pid']) make(folder, 0o755);
  make('data', 0o700, uid);
  for (const folder of PRIVATE) make(`queue/${folder}`, 0o700, uid);
  make('queue/maildrop', 0o1730, uid, drop);
  make('queue/public', 0o2710, uid, drop);
}
