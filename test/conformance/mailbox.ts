/**
 * What every provider's `Mailbox` (src/providers/provider.ts) must keep. A provider gives a fixture: an account on a
 * server that the suite may change from outside. What only some servers can do is asked of the fixture.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { headerDigest, headerSection } from '../../src/mail/fingerprint.ts';
import {
  type EditableFolder,
  type Hint,
  type Mailbox,
  type OpenFolder,
  ProviderError,
  type RemoteMessage,
} from '../../src/providers/provider.ts';
import { eventually } from '../support/mailquay.ts';

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

const SIGNAL = () => AbortSignal.timeout(30_000);
const DATE = new Date('2026-03-04T05:06:07Z');

function raw(n: number | string, bytes = 200): Buffer {
  return Buffer.from(
    `From: a@example.org\r\nSubject: mail ${n}\r\nMessage-ID: <${n}@conformance.example>\r\n\r\n${`line of ${n} `.repeat(Math.ceil(bytes / 12))}\r\n`,
  );
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Runs the suite for one provider on one kind of server. */
export function describeMailbox(
  name: string,
  facts: MailboxFacts,
  makeFixture: () => Promise<MailboxFixture>,
): void {
  // What a server cannot do is not tested there: it is no test left out.
  const nothing = () => {};
  const whenModseq = facts.modseq ? test : nothing;
  const whenConnected = facts.connections ? test : nothing;
  describe(`the mailbox of ${name}`, () => {
    let server: MailboxFixture;
    let mailbox: Mailbox;
    let serial = 0;
    beforeAll(async () => {
      server = await makeFixture();
      mailbox = server.open();
    });
    afterAll(async () => {
      await mailbox?.close();
      await server?.stop();
    });

    /** A folder of its own with so many mails; every third is seen. */
    const folderWith = async (count: number) => {
      serial += 1;
      const path = await server.createFolder(`Conformance ${serial}`);
      const uids: number[] = [];
      for (let n = 0; n < count; n += 1) {
        const flags = n % 3 === 0 ? ['\\Seen'] : [];
        uids.push((await server.deliver(path, raw(`${serial}-${n}`), { flags, date: DATE })).uid);
      }
      return { path, uids, number: serial };
    };
    const opened = async <T>(path: string, work: (folder: OpenFolder) => Promise<T>): Promise<T> => {
      const folder = await mailbox.open(path, SIGNAL());
      try {
        return await work(folder);
      } finally {
        await folder.close();
      }
    };

    test('lists folders whole, each once, with a word on each', async () => {
      const { path } = await folderWith(3);
      const folders = await mailbox.folders(SIGNAL());
      const paths = folders.map((f) => f.path);
      expect(new Set(paths).size).toBe(paths.length);
      expect(folders.filter((f) => f.specialUse === '\\Inbox')).toHaveLength(1);
      const folder = folders.find((f) => f.path === path);
      expect(folder).toMatchObject({ selectable: true, specialUse: null });
      if (folder?.status) {
        expect(folder.status.uidValidity).toBeGreaterThan(0);
        expect(folder.status.messages ?? 3).toBe(3);
        expect(folder.status.unseen ?? 2).toBe(2);
      }
      for (const one of folders) {
        expect(one.name.length).toBeGreaterThan(0);
        if (one.parentPath) expect(one.path.startsWith(one.parentPath)).toBe(true);
      }
    });

    test('shows names in Unicode, and children below their parents', async () => {
      const path = await server.createFolder('Übersicht 日本');
      const folders = await mailbox.folders(SIGNAL());
      expect(folders.find((f) => f.path === path)?.name).toContain('Übersicht 日本');
    });

    test('lists the folder that is watched as it is now', async () => {
      const { path } = await folderWith(2);
      const stop = new AbortController();
      let watching = false;
      const watched = mailbox
        .watch(
          { path },
          (hint) => {
            watching ||= hint.kind === 'watching';
          },
          stop.signal,
        )
        .catch(() => {});
      await eventually(async () => expect(watching).toBe(true));
      await server.deliver(path, raw('new one'));
      const folder = (await mailbox.folders(SIGNAL())).find((f) => f.path === path);
      expect(folder?.status?.messages ?? 3).toBe(3);
      stop.abort(new Error('seen'));
      await watched;
    });

    test('opens a folder with one consistent observation', async () => {
      const { path, uids } = await folderWith(5);
      await opened(path, async (folder) => {
        expect(folder.exists).toBe(5);
        expect(folder.uidValidity).toBeGreaterThan(0);
        expect(folder.uidNext === null || folder.uidNext > Math.max(...uids)).toBe(true);
        expect((folder.highestModseq ?? 1) > 0).toBe(facts.modseq);
        await folder.assertUnchanged();
      });
    });

    test('opens an empty folder, in which there is nothing', async () => {
      const { path } = await folderWith(0);
      await opened(path, async (folder) => {
        expect(folder.exists).toBe(0);
        expect(await folder.newestUids(50)).toEqual([]);
        expect(await folder.uids(1, null)).toEqual([]);
        expect(await folder.uids(1, 100)).toEqual([]);
        expect(await folder.flags(1, 100)).toEqual([]);
        expect(await folder.present([1, 2])).toEqual([]);
        expect(await folder.identities([1])).toEqual([]);
        expect(await all(folder.messages([1]))).toEqual([]);
      });
    });

    test('names UIDs by range, ascending, and nothing beyond the end', async () => {
      const { path, uids } = await folderWith(8);
      const [first = 0, second = 0] = uids;
      const last = uids.at(-1) ?? 0;
      await opened(path, async (folder) => {
        expect(await folder.uids(1, null)).toEqual(uids);
        expect(await folder.uids(second, last - 1)).toEqual(uids.slice(1, -1));
        expect(await folder.uids(last + 1, null)).toEqual([]);
        expect(await folder.uids(last + 1, last + 100)).toEqual([]);
        expect(await folder.newestUids(3)).toEqual(uids.slice(-3));
        expect(await folder.newestUids(100)).toEqual(uids);
        expect(await folder.present([first, last, last + 7])).toEqual([first, last]);
      });
    });

    test('reads flags: system flags by name, all others as keywords', async () => {
      const { path, uids } = await folderWith(3);
      const [first = 0, second = 0, third = 0] = uids;
      await server.setFlags(path, first, ['\\Seen', '\\Flagged', '\\Answered', '\\Draft']);
      await server.setFlags(path, second, ['zebra', 'apple']);
      await opened(path, async (folder) => {
        const flags = new Map((await folder.flags(1, third)).map((row) => [row.uid, row.flags]));
        expect([...flags.keys()].sort((a, b) => a - b)).toEqual(uids);
        expect(flags.get(first)).toEqual({
          seen: true,
          flagged: true,
          answered: true,
          draft: true,
          keywords: [],
        });
        expect(flags.get(second)).toMatchObject({ seen: false, keywords: ['apple', 'zebra'] });
        expect(flags.get(third)).toMatchObject({ seen: false, flagged: false });
        expect((await folder.flags(second, second)).map((row) => row.uid)).toEqual([second]);
      });
    });

    whenModseq('tells what changed since a modification sequence', async () => {
      const { path, uids } = await folderWith(6);
      const [first = 0, second = 0] = uids;
      const last = uids.at(-1) ?? 0;
      const since = await opened(path, async (folder) => folder.highestModseq ?? 0);
      await server.setFlags(path, second, ['\\Flagged']);
      await server.expunge(path, first);
      await opened(path, async (folder) => {
        expect(folder.highestModseq ?? 0).toBeGreaterThan(since);
        const changes = await folder.changes(since, 1, last);
        expect(changes.flags.map((row) => row.uid)).toEqual([second]);
        expect(changes.flags[0]?.flags.flagged).toBe(true);
        expect(changes.highestModseq).toBeGreaterThan(since);
        expect(changes.vanished !== null).toBe(facts.vanished);
        if (changes.vanished) {
          expect(changes.vanished.some((r) => r.from <= first && first <= r.to)).toBe(true);
        }
        const none = await folder.changes(folder.highestModseq ?? 0, 1, last);
        expect(none.flags).toEqual([]);
      });
    });

    test('gives cheap identities that fit the whole mail', async () => {
      const { path, uids, number } = await folderWith(3);
      const gone = (uids.at(-1) ?? 0) + 9;
      await opened(path, async (folder) => {
        const identities = await folder.identities([...uids, gone]);
        expect(identities.map((i) => i.uid).sort((a, b) => a - b)).toEqual(uids);
        for (const [n, uid] of uids.entries()) {
          const identity = identities.find((i) => i.uid === uid);
          const whole = raw(`${number}-${n}`);
          expect(identity?.size).toBe(whole.length);
          expect(identity?.internalDate).toBe(DATE.getTime() / 1000);
          expect(identity?.flags.seen).toBe(n % 3 === 0);
          if (folder.stableIds) expect(identity?.remoteId).toMatch(/./);
          else expect(identity?.headerDigest).toEqual(headerDigest(headerSection(whole)));
        }
        if (folder.stableIds) expect(new Set(identities.map((i) => i.remoteId)).size).toBe(uids.length);
      });
    });

    test('gives whole mails in the order asked for, byte for byte; what is gone does not come', async () => {
      const { path, uids } = await folderWith(2);
      const nasty: Buffer[] = [
        Buffer.from('Subject: =?utf-8?q?=00?=\r\n\r\n\u00e4\u0000\xff\r\n', 'latin1'),
        Buffer.from('no header at all'),
        Buffer.from(`Subject: literal {5}\r\n\r\n* 1 FETCH (UID 1)\r\nA1 OK done\r\n)\r\n`),
        raw('large', 300_000),
      ].map((one) => Buffer.from(one.toString('latin1').replaceAll('\0', ''), 'latin1'));
      const added: number[] = [];
      for (const one of nasty) added.push((await server.deliver(path, one)).uid);
      const order = [...added].reverse().concat(uids);
      await opened(path, async (folder) => {
        const read = (await all(folder.messages([...order, 4_000_000]))) as RemoteMessage[];
        expect(read.map((m) => m.uid)).toEqual(order);
        for (const [n, uid] of added.entries()) {
          const message = read.find((m) => m.uid === uid);
          expect(message?.raw.equals(nasty[n] as Buffer)).toBe(true);
          expect(message?.truncated).toBeNull();
        }
        // Reading is not looking: the mail stays unread.
        const flags = await folder.flags(1, Math.max(...added));
        expect(flags.filter((f) => added.includes(f.uid) && f.flags.seen)).toEqual([]);
      });
    });

    test('outlines a mail: with headers, and without', async () => {
      const { path, uids, number } = await folderWith(1);
      const [uid = 0] = uids;
      await opened(path, async (folder) => {
        const whole = raw(`${number}-0`);
        expect(await folder.outline(uid, true)).toMatchObject({
          uid,
          size: whole.length,
          header: headerSection(whole),
        });
        expect(await folder.outline(uid, false)).toMatchObject({ uid, header: null, flags: { seen: true } });
        expect(await folder.outline(uid + 5, true)).toBeNull();
      });
    });

    test('streams raw bytes, whole and by range', async () => {
      const { path } = await folderWith(0);
      const whole = raw('raw', 2_500_000);
      const { uid } = await server.deliver(path, whole);
      const uidValidity = await opened(path, async (folder) => folder.uidValidity);
      const read = async (range: { offset: number; length: number } | null) =>
        Buffer.concat(await all(await mailbox.fetchRaw({ path, uidValidity, uid }, range, SIGNAL())));
      expect((await read(null)).equals(whole)).toBe(true);
      expect(await read({ offset: 0, length: 10 })).toEqual(whole.subarray(0, 10));
      expect(
        (await read({ offset: 1_048_570, length: 20 })).equals(whole.subarray(1_048_570, 1_048_590)),
      ).toBe(true);
      expect((await read({ offset: 5, length: 2_000_000 })).equals(whole.subarray(5, 2_000_005))).toBe(true);
      expect((await read({ offset: whole.length - 3, length: 100 })).equals(whole.subarray(-3))).toBe(true);
    });

    test('says so when the raw bytes are not there any more', async () => {
      const { path, uids } = await folderWith(1);
      const uidValidity = await opened(path, async (folder) => folder.uidValidity);
      const kindOf = async (location: { path: string; uidValidity: number; uid: number }) => {
        try {
          await all(await mailbox.fetchRaw(location, null, SIGNAL()));
        } catch (error) {
          return (error as ProviderError).kind;
        }
        return null;
      };
      expect(await kindOf({ path, uidValidity, uid: (uids[0] ?? 0) + 9 })).toBe('no_folder');
      expect(await kindOf({ path, uidValidity: uidValidity + 1, uid: uids[0] ?? 0 })).toBe('changed');
    });

    test('a stream that nobody reads to the end gives its connection back', async () => {
      const { path } = await folderWith(0);
      const { uid } = await server.deliver(path, raw('abandoned', 3_000_000));
      const uidValidity = await opened(path, async (folder) => folder.uidValidity);
      for (let n = 0; n < 8; n += 1) {
        const stream = await mailbox.fetchRaw({ path, uidValidity, uid }, null, SIGNAL());
        for await (const _ of stream) break;
      }
      await opened(path, async (folder) => expect(folder.exists).toBe(1));
    });

    test('several folders can be open at once', async () => {
      const [a, b] = [await folderWith(2), await folderWith(3)];
      await opened(a.path, (one) =>
        opened(b.path, async (other) => {
          expect([(await one.uids(1, null)).length, (await other.uids(1, null)).length]).toEqual([2, 3]);
        }),
      );
    });

    test('hints of change while it watches', async () => {
      const folders = await mailbox.folders(SIGNAL());
      const inbox = folders.find((f) => f.specialUse === '\\Inbox')?.path ?? 'INBOX';
      const watching = server.open();
      const stop = new AbortController();
      const hints: Hint[] = [];
      const ended = watching
        .watch({ path: inbox }, (hint) => hints.push(hint), stop.signal)
        .catch((e: unknown) => e);
      try {
        await eventually(() => expect(hints[0]?.kind).toBe('watching'));
        if (facts.pushes) {
          hints.length = 0;
          const { uid } = await server.deliver(inbox, raw('hint'));
          await eventually(() =>
            expect(hints.some((h) => h.kind === 'changed' && h.what === 'arrivals')).toBe(true),
          );
          hints.length = 0;
          await server.setFlags(inbox, uid, ['\\Seen']);
          await eventually(() => expect(hints.some((h) => h.kind === 'changed')).toBe(true));
          hints.length = 0;
          await server.expunge(inbox, uid);
          await eventually(() => expect(hints.some((h) => h.kind === 'changed')).toBe(true));
        }
        if (facts.tellsOfAll) {
          const { path } = await folderWith(1);
          hints.length = 0;
          await server.deliver(path, raw('elsewhere'));
          await eventually(() => expect(hints.some((h) => h.kind === 'changed')).toBe(true));
        }
        // What is watched can be opened at once, and shows what came a moment ago.
        const { uid } = await server.deliver(inbox, raw('quick'));
        await eventually(async () => {
          const folder = await watching.open(inbox, SIGNAL(), true);
          try {
            expect(await folder.uids(uid, null)).toContain(uid);
          } finally {
            await folder.close();
          }
        });
      } finally {
        stop.abort(new Error('enough'));
        expect(((await ended) as Error).message).toBe('enough');
        await watching.close();
      }
    });

    whenConnected('watching ends with an error when the connection breaks', async () => {
      const watching = server.open();
      const hints: Hint[] = [];
      const ended = watching
        .watch({ path: 'INBOX' }, (hint) => hints.push(hint), SIGNAL())
        .catch((e: unknown) => e);
      await eventually(() => expect(hints).toHaveLength(1));
      await server.cut();
      expect(await ended).toMatchObject({ name: 'ProviderError', kind: 'network' });
      await watching.close();
      // The mailbox itself finds a new connection.
      const { path } = await folderWith(1);
      await eventually(() => opened(path, async (folder) => expect(folder.exists).toBe(1)));
    });

    test('ends at once when its signal aborts, and can be used on', async () => {
      const { path } = await folderWith(3);
      const reason = new Error('not needed any more');
      await expect(mailbox.folders(AbortSignal.abort(reason))).rejects.toBe(reason);
      await expect(mailbox.open(path, AbortSignal.abort(reason))).rejects.toBe(reason);
      const stop = new AbortController();
      const folder = await mailbox.open(path, stop.signal);
      stop.abort(reason);
      await expect(folder.uids(1, null)).rejects.toBe(reason);
      await folder.close();
      await opened(path, async (again) => expect(again.exists).toBe(3));
    });

    test('a closed mailbox serves nobody', async () => {
      const other = server.open();
      await other.folders(SIGNAL());
      await other.close();
      await expect(other.folders(SIGNAL())).rejects.toBeInstanceOf(ProviderError);
      await other.close();
    });

    test('names what went wrong', async () => {
      await expect(mailbox.open('No such folder', SIGNAL())).rejects.toMatchObject({ kind: 'no_folder' });
      const unreachable = server.openUnreachable();
      await expect(unreachable.folders(SIGNAL())).rejects.toMatchObject({
        name: 'ProviderError',
        kind: 'network',
      });
      await unreachable.close();
      const refused = server.openRefused();
      if (refused) {
        await expect(refused.folders(SIGNAL())).rejects.toMatchObject({
          kind: 'authentication',
          vague: false,
        });
        await refused.close();
      }
    });
    describe('changes', () => {
      const editing = async <T>(path: string, work: (folder: EditableFolder) => Promise<T>): Promise<T> => {
        const folder = await mailbox.edit(path, SIGNAL());
        try {
          return await work(folder);
        } finally {
          await folder.close();
        }
      };
      const uidsIn = (path: string) => opened(path, (folder) => folder.uids(1, null));

      test('sets and takes flags, and tells what they are', async () => {
        const { path, uids } = await folderWith(4);
        await editing(path, async (folder) => {
          await folder.setFlags(uids.slice(1, 3), { seen: true, flagged: true });
          await folder.setFlags([uids[0] as number], { seen: false });
          const flags = await folder.flagsOf([...uids, 4_000_000]);
          expect(flags.map((row) => row.uid).sort((a, b) => a - b)).toEqual(uids);
          const by = new Map(flags.map((row) => [row.uid, row.flags]));
          expect(uids.map((uid) => by.get(uid)?.seen)).toEqual([false, true, true, true]);
          expect(uids.map((uid) => by.get(uid)?.flagged)).toEqual([false, true, true, false]);
        });
      });

      test('copies and moves, and tells where to if it tells at all', async () => {
        const { path, uids } = await folderWith(3);
        const { path: other } = await folderWith(1);
        await editing(path, async (folder) => {
          const copied = await folder.copy([uids[0] as number], other);
          if (copied.uidValidity !== null) expect(copied.uids.has(uids[0] as number)).toBe(true);
          if (!folder.canMove) return;
          const moved = await folder.move(uids.slice(1), other);
          if (moved.uidValidity !== null) expect([...moved.uids.keys()]).toEqual(uids.slice(1));
        });
        const there = await uidsIn(other);
        const here = await uidsIn(path);
        expect(here.length + there.length).toBe(5);
        expect(here).toContain(uids[0]);
      });

      test('removes these and no others, marked or not', async () => {
        const { path, uids } = await folderWith(4);
        await server.setFlags(path, uids[3] as number, ['\\Deleted']);
        await editing(path, (folder) => folder.remove([uids[1] as number]));
        expect(await uidsIn(path)).toEqual([uids[0], uids[2], uids[3]]);
      });

      test('into a folder that is not there is refused in the words of the server, and moves nothing', async () => {
        const { path, uids } = await folderWith(2);
        const refused = editing(path, (folder) => folder.copy(uids, 'Nowhere at all'));
        await expect(refused).rejects.toBeInstanceOf(ProviderError);
        await expect(refused).rejects.toMatchObject({ response: expect.stringMatching(/./) });
        await expect(mailbox.edit('Nowhere at all', SIGNAL())).rejects.toBeInstanceOf(ProviderError);
        expect(await uidsIn(path)).toEqual(uids);
      });

      test('makes, renames and deletes folders, with names in Unicode', async () => {
        serial += 1;
        const name = `Größe ${serial} & Co`;
        const made = (await mailbox.createFolder({ parentPath: null, name }, null, SIGNAL())).at(-1)!;
        const listed = async () => (await mailbox.folders(SIGNAL())).find((f) => f.path === made.path);
        expect({ ...(await listed()), status: null }).toEqual({ ...made, status: null });
        const again = mailbox.createFolder({ parentPath: null, name }, null, SIGNAL());
        await expect(again).rejects.toMatchObject({ kind: 'exists' });
        const chain = await mailbox.createFolder({ parentPath: made.path, name: '日本' }, null, SIGNAL());
        expect(chain.map((f) => f.path).slice(-2)[0]).toBe(made.path);
        const to = { parentPath: null, name: `Maß ${serial}` };
        const renamed = (await mailbox.renameFolder(made.path, to, SIGNAL())).at(-1)!;
        expect(renamed.path).toContain(to.name);
        expect(await listed()).toBeUndefined();
        const paths = (await mailbox.folders(SIGNAL())).map((f) => f.path);
        const child = paths.find((path) => path.startsWith(renamed.path) && path.endsWith('日本'));
        expect(child).toBeDefined();
        await mailbox.deleteFolder(child as string, SIGNAL());
        expect((await mailbox.folders(SIGNAL())).map((f) => f.path)).not.toContain(child);
        await expect(mailbox.deleteFolder('Nowhere at all', SIGNAL())).rejects.toBeInstanceOf(ProviderError);
      });

      test('searches in its own language; what it cannot read is a bad query', async () => {
        const { path, uids } = await folderWith(3);
        const type =
          'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit';
        await server.deliver(path, Buffer.from(`Subject: other\r\n${type}\r\n\r\nDie Größe\r\n`));
        const found = await mailbox.search(path, 'SUBJECT "mail" UNSEEN', SIGNAL());
        expect(found.uids).toEqual(uids.slice(1));
        expect(await mailbox.search(path, 'BODY "Größe"', SIGNAL())).toMatchObject({
          uids: [expect.any(Number)],
        });
        expect((await mailbox.search(path, 'SUBJECT "never"', SIGNAL())).uids).toEqual([]);
        await expect(mailbox.search(path, 'hello', SIGNAL())).rejects.toMatchObject({ kind: 'bad_query' });
      });
    });
  });
}
