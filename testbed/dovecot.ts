/** A private Dovecot on loopback: own folder, own ports, own users; as many as tests want at once. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { requireTestbed } from './available.ts';
import { type CertificateFiles, selfSigned } from './certificate.ts';
import { type DovecotSettings, dovecotConfig } from './dovecot-config.ts';
import { DovecotUsers, dictConfig, type MailUser, type Owner } from './dovecot-users.ts';
import { type Appended, type AppendOptions, imapAppend, lmtpDeliver } from './inject.ts';
import { privateDir } from './private-dir.ts';
import { endChild, freePorts, hasEnded, run, signalTree, spawnDaemon, waitForGreeting } from './process.ts';
import { mailOwner } from './vmail.ts';

/** What Dovecot 2.3 announces after login, to make `capabilities` from by leaving some out. */
const DOVECOT_CAPABILITIES =
  'IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS ' +
  'THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED ' +
  'I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE ' +
  'SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE';

/** Dovecot's usual capabilities without some. */
export function capabilitiesWithout(...names: string[]): string {
  return DOVECOT_CAPABILITIES.split(' ')
    .filter((name) => !names.includes(name))
    .join(' ');
}

export interface DovecotOptions {
  /** Replaces the announced capabilities (`imap_capability`); a leading `+` adds to them. */
  capabilities?: string;
  separator?: '/' | '.';
  /** Prefix of the personal namespace, such as `INBOX.`. */
  prefix?: string;
  /** STARTTLS, and IMAP with implicit TLS on `imapsPort`, with a self-signed certificate. */
  tls?: boolean;
  /** Put at the end of the configuration. */
  extraConfig?: string;
  /** Where everything is kept; a new private folder, removed by `stop()`, when not given. */
  dir?: string;
  ports?: { imap?: number; imaps?: number; lmtp?: number };
}

const MASTER = 'testbed';

export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  requireTestbed(['dovecot']);
  const owner = await mailOwner();
  for (let attempt = 1; ; attempt++) {
    const dovecot = await Dovecot.prepare(options, owner);
    try {
      await dovecot.start();
      return dovecot;
    } catch (error) {
      await dovecot.stop();
      // another process may have taken a port since it was found free
      if (attempt === 5 || !/in use|ended while/i.test(String(error))) throw error;
    }
  }
}

export class Dovecot {
  readonly host = '127.0.0.1';
  readonly dir: string;
  readonly imapPort: number;
  readonly imapsPort: number | undefined;
  readonly lmtpPort: number;
  /** PEM of the self-signed certificate, to be trusted by tests; valid for localhost and 127.0.0.1. */
  readonly certificate: string | undefined;
  readonly certificateFiles: CertificateFiles | undefined;
  readonly users: DovecotUsers;
  readonly #temporary: boolean;
  readonly #config: string;
  readonly #master: string;
  #child: ChildProcess | undefined;

  private constructor(settings: DovecotSettings, temporary: boolean, owner: Owner, master: string) {
    this.dir = settings.dir;
    this.imapPort = settings.imapPort;
    this.imapsPort = settings.imapsPort;
    this.lmtpPort = settings.lmtpPort;
    const { certificateFile, keyFile } = settings;
    if (certificateFile && keyFile) {
      this.certificateFiles = { certificateFile, keyFile };
      this.certificate = readFileSync(certificateFile, 'utf8');
    }
    this.users = new DovecotUsers(`${this.dir}/users`, `${this.dir}/mail`, owner);
    this.#temporary = temporary;
    this.#master = master;
    this.#config = `${this.dir}/dovecot.conf`;
  }

  /** Writes the folder and the configuration; `start()` then runs it. */
  static async prepare(options: DovecotOptions, owner: Owner): Promise<Dovecot> {
    const dir = options.dir ?? privateDir('dovecot');
    for (const folder of ['', 'run', 'mail', 'state']) {
      mkdirSync(`${dir}/${folder}`, { recursive: true });
      chmodSync(`${dir}/${folder}`, 0o755);
    }
    chownSync(`${dir}/mail`, owner.uid, owner.gid);
    const [imap = 0, lmtp = 0, imaps = 0] = await freePorts(3);
    const master = randomBytes(12).toString('hex');
    const settings: DovecotSettings = {
      dir,
      imapPort: options.ports?.imap ?? imap,
      lmtpPort: options.ports?.lmtp ?? lmtp,
      separator: options.separator ?? '/',
      prefix: options.prefix ?? '',
      extraConfig: options.extraConfig ?? '',
      capabilities: options.capabilities,
      dictFile: `${dir}/users.conf`,
      mastersFile: `${dir}/masters`,
    };
    if (options.tls) {
      settings.imapsPort = options.ports?.imaps ?? imaps;
      const files = await selfSigned(dir);
      settings.certificateFile = files.certificateFile;
      settings.keyFile = files.keyFile;
    }
    writeFileSync(settings.mastersFile, `${MASTER}:{PLAIN}${master}\n`, { mode: 0o644 });
    writeFileSync(settings.dictFile, dictConfig(`${dir}/users`), { mode: 0o644 });
    writeFileSync(`${dir}/dovecot.conf`, dovecotConfig(settings));
    return new Dovecot(settings, options.dir === undefined, owner, master);
  }

  /** Process id of the master process; 0 while halted. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Socket that Postfix asks for SASL. */
  get authSocket(): string {
    return `${this.dir}/run/auth-smtp`;
  }

  /** Starts the server on the folder as it stands (after `halt()`). */
  async start(): Promise<void> {
    if (this.#child && !hasEnded(this.#child)) return;
    const { child, output } = spawnDaemon('dovecot', ['-F', '-c', this.#config]);
    this.#child = child;
    try {
      await waitForGreeting(this.imapPort, child);
      await waitForGreeting(this.lmtpPort, child);
    } catch (error) {
      await endChild(child);
      throw new Error(
        `Dovecot did not start: ${(error as Error).message}\n${output()}\n${this.log().slice(-2000)}`,
      );
    }
  }

  /** Ends the server and keeps its folder and ports for `start()`. */
  async halt(): Promise<void> {
    if (!this.#child) return;
    this.resume();
    await endChild(this.#child);
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

  /** Stops every process without ending it: connections stay open and nothing answers. */
  pause(): void {
    signalTree(this.pid, 'SIGSTOP');
  }

  resume(): void {
    signalTree(this.pid, 'SIGCONT');
  }

  /** Makes the user if need be (password `pass` unless given, which also changes it). */
  user(name: string, password?: string): MailUser {
    return this.users.user(name, password);
  }

  /** `doveadm` against this instance. */
  doveadm(...args: string[]): Promise<string> {
    return run('doveadm', ['-c', this.#config, ...args]);
  }

  /** Delivers like a mail server (LMTP) into INBOX, or into a folder, which is made if need be. */
  async deliver(user: string, raw: Buffer, folder?: string): Promise<void> {
    this.user(user);
    const plain = /^[\w.-]+(@[\w.-]+)?$/.test(user);
    if (folder === undefined && plain) await lmtpDeliver(this.lmtpPort, user, raw);
    else await this.append(user, folder ?? 'INBOX', raw);
  }

  /** IMAP APPEND, as a mail program does it; needs no password of the user's. */
  append(user: string, folder: string, raw: Buffer, options: AppendOptions = {}): Promise<Appended> {
    this.user(user);
    const login = { username: `${user}*${MASTER}`, password: this.#master };
    return imapAppend(this.imapPort, login, folder, raw, options);
  }

  /** Cuts all connections of a user. */
  async kick(user: string): Promise<void> {
    await this.doveadm('kick', user).catch((error: Error) => {
      if (!/no users kicked/i.test(error.message)) throw error;
    });
  }

  /** What the server has logged so far. */
  log(): string {
    try {
      return readFileSync(`${this.dir}/dovecot.log`, 'utf8');
    } catch {
      return '';
    }
  }
}
