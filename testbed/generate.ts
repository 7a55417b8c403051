/** Writes thousands of generated mails straight into a Maildir of a private Dovecot. */
import {
  chownSync,
  closeSync,
  existsSync,
  fchownSync,
  futimesSync,
  mkdirSync,
  openSync,
  writeSync,
} from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Dovecot } from './dovecot.ts';
import { type MadeMail, MailMaker, randomFrom } from './mail-maker.ts';

export interface FillOptions {
  seed?: number;
  /** Internal dates are spread evenly from `from` to `to`, oldest first. */
  from?: Date;
  to?: Date;
  /** Share of mails without \Seen. */
  unread?: number;
  /** Replaces the generated mails. */
  make?: (index: number, date: Date) => MadeMail;
}

export interface Filled {
  count: number;
  bytes: number;
  threads: number;
  messageIds: string[];
}

let fills = 0;

/** Fills a folder (made if need be). Call it while no client has the folder open, or let the client notice. */
export async function fillMaildir(
  dovecot: Dovecot,
  user: string,
  folder: string,
  count: number,
  options: FillOptions = {},
): Promise<Filled> {
  const seed = options.seed ?? 1;
  const maker = new MailMaker(seed, user);
  const make = options.make ?? ((_: number, date: Date) => maker.next(date));
  const random = randomFrom(seed + 7);
  const to = (options.to ?? new Date('2026-11-01T12:00:00Z')).getTime();
  const from = (options.from ?? new Date(to - 6 * 365 * 86_400_000)).getTime();
  const target = `${await maildirOf(dovecot, user, folder)}/cur`;
  const { uid, gid } = dovecot.users.owner(user);
  const run = `${process.pid}x${fills++}`;
  const filled: Filled = { count, bytes: 0, threads: 0, messageIds: [] };
  const threads = new Set<number>();
  for (let index = 0; index < count; index++) {
    const seconds = Math.floor((from + ((to - from) * (index + 1)) / count) / 1000);
    const mail = make(index, new Date(seconds * 1000));
    const flags = `${random() < 0.03 ? 'F' : ''}${random() < (options.unread ?? 0.2) ? '' : 'S'}`;
    // Dovecot gives UIDs in the order of the names; the part before the first dot is the time
    const name = `${seconds}.M${String(index).padStart(8, '0')}P${run}.testbed,S=${mail.raw.length}:2,${flags}`;
    const file = openSync(`${target}/${name}`, 'wx', 0o600);
    writeSync(file, mail.raw);
    fchownSync(file, uid, gid);
    futimesSync(file, seconds, seconds);
    closeSync(file);
    filled.bytes += mail.raw.length;
    filled.messageIds.push(mail.messageId);
    threads.add(mail.thread);
    if (index % 250 === 249) await breathe();
  }
  filled.threads = threads.size;
  return filled;
}

/** The folder's Maildir on disk; makes the folder when it is not there. */
async function maildirOf(dovecot: Dovecot, user: string, folder: string): Promise<string> {
  dovecot.user(user);
  await dovecot.doveadm('mailbox', 'create', '-u', user, folder).catch((error: Error) => {
    if (!/already exists/i.test(error.message)) throw error;
  });
  const { uid, gid } = dovecot.users.owner(user);
  const dir = (await dovecot.doveadm('mailbox', 'path', '-u', user, folder)).trim();
  for (const part of ['', '/cur', '/new', '/tmp']) {
    if (existsSync(`${dir}${part}`)) continue;
    mkdirSync(`${dir}${part}`, { recursive: true, mode: 0o700 });
    chownSync(`${dir}${part}`, uid, gid);
  }
  return dir;
}
