import { setTimeout as sleep } from 'node:timers/promises';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { MailMaker } from '../../testbed/mail-maker.ts';
import { noteCopy } from './checker/compare.ts';
import { eventually } from './eventually.ts';
import { folderStatus } from './folder-status.ts';

interface Folder {
  name: string;
  uids: number[];
}

const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', '$Forwarded', 'todo'];
const NAMES = ['Projekte', 'Größe', '日本', 'Old & new', 'a', 'b c', 'Work', 'INBOX2'];
/** Longest pause between two steps, in ms. */
const PAUSE_MS = 250;

/** Somebody with another mail program who does whatever comes to mind, as told by a seeded source of chance. */
export class RandomUser {
  readonly #dovecot: Dovecot;
  readonly #user: string;
  readonly #random: () => number;
  readonly #maker: MailMaker;
  readonly #sent: Buffer[] = [];
  readonly #done: string[] = [];
  #clock = Date.UTC(2026, 10, 10);

  constructor(dovecot: Dovecot, user: string, random: () => number) {
    this.#dovecot = dovecot;
    this.#user = user;
    this.#random = random;
    this.#maker = new MailMaker(Math.floor(random() * 1e9), user);
  }

  /** What was done so far, for the message of a failure. */
  history(): string {
    return this.#done.join('; ');
  }

  /** Takes a number of steps with pauses between them; `reconnect` is one of them when given. */
  async act(steps: number, options: { reconnect?: () => void } = {}): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      await this.#step(options.reconnect);
      if (this.#random() < 0.6) await sleep(this.#random() * PAUSE_MS);
    }
  }

  async #step(reconnect: (() => void) | undefined): Promise<void> {
    const dice = this.#random();
    // A folder that was just deleted may be listed a moment longer.
    const folders = await eventually(() => this.#folders());
    const from = this.#pick(folders.filter((f) => f.uids.length > 0)) ?? folders[0];
    const to = this.#pick(folders);
    if (!from || !to) return;
    const some = this.#some(from);
    if (dice < 0.24) return this.#append(to.name);
    if (dice < 0.42) return this.#flag(from, some);
    if (dice < 0.58 && to !== from) return this.#on('move', from, some, to.name);
    if (dice < 0.64 && to !== from) return this.#on('copy', from, some, to.name);
    if (dice < 0.76) return this.#on('expunge', from, some);
    if (dice < 0.82) return this.#make(folders, from, some);
    if (dice < 0.87) return this.#rename(folders);
    if (dice < 0.9) return this.#remove(folders);
    if (dice < 0.93) return this.#newValidity(from);
    if (dice < 0.96) return this.#kick();
    if (reconnect) {
      this.#note('reconnect');
      reconnect();
    }
  }

  async #append(folder: string): Promise<void> {
    this.#clock += Math.floor(this.#random() * 86_400_000);
    const date = new Date(Math.floor(this.#clock / 1000) * 1000);
    const fresh = this.#maker.next(date).raw;
    const dice = this.#random();
    let raw = fresh;
    if (dice < 0.1) raw = this.#pick(this.#sent) ?? fresh;
    else if (dice < 0.2)
      raw = Buffer.from(fresh.toString('latin1').replace(/^Message-ID:.*\r\n/m, ''), 'latin1');
    this.#sent.push(raw);
    this.#note(`append ${folder}`);
    const flags = FLAGS.filter(() => this.#random() < 0.2);
    noteCopy(this.#dovecot, this.#user, raw, date.getTime() / 1000);
    await this.#dovecot.append(this.#user, folder, raw, { flags, internalDate: date });
  }

  async #flag(folder: Folder, uids: number[]): Promise<void> {
    const how = this.#pick(['add', 'add', 'remove', 'replace'] as const) as string;
    const flag = this.#pick(FLAGS) as string;
    this.#note(`flags ${how} ${flag} ${folder.name} ${uids}`);
    await this.#doveadm('flags', how, '-u', this.#user, flag, 'mailbox', folder.name, 'uid', uids.join(','));
  }

  async #on(what: 'move' | 'copy' | 'expunge', from: Folder, uids: number[], to?: string): Promise<void> {
    if (uids.length === 0) return;
    this.#note(`${what} ${from.name} ${uids}${to ? ` to ${to}` : ''}`);
    const target = to ? [to] : [];
    await this.#doveadm(what, '-u', this.#user, ...target, 'mailbox', from.name, 'uid', uids.join(','));
  }

  /** A new folder, often with mails that are moved into it at once. */
  async #make(folders: Folder[], from: Folder, some: number[]): Promise<void> {
    const parent = this.#random() < 0.4 ? this.#pick(folders.filter((f) => f.name !== 'INBOX')) : undefined;
    const name = `${parent ? `${parent.name}/` : ''}${this.#pick(NAMES)}`;
    if (folders.some((f) => f.name === name)) return;
    this.#note(`create ${name}`);
    await this.#doveadm('mailbox', 'create', '-u', this.#user, name);
    if (this.#random() < 0.6) await this.#on('move', from, this.#random() < 0.3 ? from.uids : some, name);
  }

  async #rename(folders: Folder[]): Promise<void> {
    const folder = this.#pick(folders.filter((f) => f.name !== 'INBOX'));
    const name = `${this.#pick(NAMES)} ${Math.floor(this.#random() * 1000)}`;
    if (!folder) return;
    this.#note(`rename ${folder.name} to ${name}`);
    await this.#doveadm('mailbox', 'rename', '-u', this.#user, folder.name, name);
  }

  async #remove(folders: Folder[]): Promise<void> {
    const folder = this.#pick(folders.filter((f) => f.name !== 'INBOX'));
    if (!folder) return;
    this.#note(`delete ${folder.name}`);
    await this.#doveadm('mailbox', 'delete', '-u', this.#user, folder.name);
  }

  async #newValidity(folder: Folder): Promise<void> {
    const value = 1_900_000_000 + Math.floor(this.#random() * 1e8);
    this.#note(`UIDVALIDITY of ${folder.name}`);
    await this.#doveadm('mailbox', 'update', '-u', this.#user, '--uid-validity', `${value}`, folder.name);
  }

  async #kick(): Promise<void> {
    this.#note('kick');
    await this.#dovecot.kick(this.#user);
  }

  async #folders(): Promise<Folder[]> {
    // Unlike `mailbox list`, this leaves out what only holds other folders.
    const status = await folderStatus(this.#dovecot, this.#user, 'messages', ['*']);
    const names = status.map((row) => row.mailbox as string);
    const folders = new Map(names.map((name): [string, Folder] => [name, { name, uids: [] }]));
    const text = await this.#dovecot.doveadm('-f', 'json', 'fetch', '-u', this.#user, 'mailbox uid', 'all');
    if (text.trim()) {
      for (const row of JSON.parse(text) as { mailbox: string; uid: string }[])
        folders.get(row.mailbox)?.uids.push(Number(row.uid));
    }
    return [...folders.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A few of a folder's mails, one most often. */
  #some(folder: Folder): number[] {
    const share = this.#random() < 0.5 ? 0 : this.#random() * 0.3;
    const chosen = folder.uids.filter(() => this.#random() < share);
    const one = this.#pick(folder.uids);
    return chosen.length > 0 || one === undefined ? chosen : [one];
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }

  #note(text: string): void {
    this.#done.push(text);
  }

  async #doveadm(...args: string[]): Promise<void> {
    try {
      await this.#dovecot.doveadm(...args);
    } catch (error) {
      // Whoever changes the mailbox beside us has taken the folder away.
      if (!/deleted under us|Mailbox doesn't exist/.test((error as Error).message)) throw error;
      this.#note('(in vain)');
    }
  }
}
