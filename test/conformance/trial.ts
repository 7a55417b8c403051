/** What a conformance test has in its hands: a mailbox, and the other side of it. */
import { test } from 'vitest';
import type { Mailbox, OpenFolder } from '../../src/providers/provider.ts';

/** The other side of a mailbox: what another client of the same account does. */
export interface MailboxFixture {
  /** A mailbox that has not connected yet; the suite closes it. */
  open(): Mailbox;
  /** One whose login is refused; null when this provider cannot be refused. */
  openRefused(): Mailbox | null;
  /** One whose server cannot be reached. */
  openUnreachable(): Mailbox;
  /** Makes a folder and returns its path as `folders` will give it. */
  createFolder(name: string): Promise<string>;
  deliver(path: string, raw: Buffer, options?: { flags?: string[]; date?: Date }): Promise<{ uid: number }>;
  setFlags(path: string, uid: number, flags: string[]): Promise<void>;
  expunge(path: string, uid: number): Promise<void>;
  /** Ends all connections that our mailboxes have. */
  cut(): Promise<void>;
  stop(): Promise<void>;
}

/** What only some servers can do. */
export interface MailboxFacts {
  /** Changes are told while watching, within seconds; otherwise only asking finds them. */
  pushes: boolean;
  /** Changes of folders that are not watched are told too. */
  tellsOfAll: boolean;
  modseq: boolean;
  /** `changes` names what vanished. */
  vanished: boolean;
  /** Watching holds a connection that can break. */
  connections: boolean;
}

export const SIGNAL = () => AbortSignal.timeout(30_000);
export const DATE = new Date('2026-03-04T05:06:07Z');

/** A mail that can be told from others. */
export function raw(n: number | string, bytes = 200): Buffer {
  return Buffer.from(
    `From: a@example.org\r\nSubject: mail ${n}\r\nMessage-ID: <${n}@conformance.example>\r\n\r\n${`line of ${n} `.repeat(Math.ceil(bytes / 12))}\r\n`,
  );
}

/** All that comes. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** One mailbox that is tried, on one kind of server. */
export class Trial {
  readonly facts: MailboxFacts;
  server!: MailboxFixture;
  mailbox!: Mailbox;
  #serial = 0;

  constructor(facts: MailboxFacts) {
    this.facts = facts;
  }

  /** A test of what only some servers can do: where they cannot, it is no test left out. */
  when(able: boolean): typeof test | (() => void) {
    return able ? test : () => {};
  }

  /** A number for something new. */
  next(): number {
    this.#serial += 1;
    return this.#serial;
  }

  /** A folder of its own with so many mails; every third is seen. */
  async folderWith(count: number): Promise<{ path: string; uids: number[]; number: number }> {
    const number = this.next();
    const path = await this.server.createFolder(`Conformance ${number}`);
    const uids: number[] = [];
    for (let n = 0; n < count; n += 1) {
      const flags = n % 3 === 0 ? ['\\Seen'] : [];
      uids.push((await this.server.deliver(path, raw(`${number}-${n}`), { flags, date: DATE })).uid);
    }
    return { path, uids, number };
  }

  async opened<T>(path: string, work: (folder: OpenFolder) => Promise<T>): Promise<T> {
    const folder = await this.mailbox.open(path, SIGNAL());
    try {
      return await work(folder);
    } finally {
      await folder.close();
    }
  }
}
