import { expect, test } from 'vitest';
import { headerDigest, headerSection } from '../../src/mail/fingerprint.ts';
import type { ProviderError, RemoteMessage } from '../../src/providers/provider.ts';
import { all, DATE, raw, SIGNAL, type Trial } from './trial.ts';

/** Listing folders and reading what is in them. */
export function readingTests(on: Trial): void {
  const whenModseq = on.when(on.facts.modseq);
  test('lists folders whole, each once, with a word on each', async () => {
    const { path } = await on.folderWith(3);
    const folders = await on.mailbox.folders(SIGNAL());
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
    const path = await on.server.createFolder('Übersicht 日本');
    const folders = await on.mailbox.folders(SIGNAL());
    expect(folders.find((f) => f.path === path)?.name).toContain('Übersicht 日本');
  });

  test('opens a folder with one consistent observation', async () => {
    const { path, uids } = await on.folderWith(5);
    await on.opened(path, async (folder) => {
      expect(folder.exists).toBe(5);
      expect(folder.uidValidity).toBeGreaterThan(0);
      expect(folder.uidNext === null || folder.uidNext > Math.max(...uids)).toBe(true);
      expect((folder.highestModseq ?? 1) > 0).toBe(on.facts.modseq);
      await folder.assertUnchanged();
    });
  });

  test('opens an empty folder, in which there is nothing', async () => {
    const { path } = await on.folderWith(0);
    await on.opened(path, async (folder) => {
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
    const { path, uids } = await on.folderWith(8);
    const [first = 0, second = 0] = uids;
    const last = uids.at(-1) ?? 0;
    await on.opened(path, async (folder) => {
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
    const { path, uids } = await on.folderWith(3);
    const [first = 0, second = 0, third = 0] = uids;
    await on.server.setFlags(path, first, ['\\Seen', '\\Flagged', '\\Answered', '\\Draft']);
    await on.server.setFlags(path, second, ['zebra', 'apple']);
    await on.opened(path, async (folder) => {
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
    const { path, uids } = await on.folderWith(6);
    const [first = 0, second = 0] = uids;
    const last = uids.at(-1) ?? 0;
    const since = await on.opened(path, async (folder) => folder.highestModseq ?? 0);
    await on.server.setFlags(path, second, ['\\Flagged']);
    await on.server.expunge(path, first);
    await on.opened(path, async (folder) => {
      expect(folder.highestModseq ?? 0).toBeGreaterThan(since);
      const changes = await folder.changes(since, 1, last);
      expect(changes.flags.map((row) => row.uid)).toEqual([second]);
      expect(changes.flags[0]?.flags.flagged).toBe(true);
      expect(changes.highestModseq).toBeGreaterThan(since);
      expect(changes.vanished !== null).toBe(on.facts.vanished);
      if (changes.vanished) {
        expect(changes.vanished.some((r) => r.from <= first && first <= r.to)).toBe(true);
      }
      const none = await folder.changes(folder.highestModseq ?? 0, 1, last);
      expect(none.flags).toEqual([]);
    });
  });

  test('gives cheap identities that fit the whole mail', async () => {
    const { path, uids, number } = await on.folderWith(3);
    const gone = (uids.at(-1) ?? 0) + 9;
    await on.opened(path, async (folder) => {
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
    const { path, uids } = await on.folderWith(2);
    const nasty: Buffer[] = [
      Buffer.from('Subject: =?utf-8?q?=00?=\r\n\r\n\u00e4\u0000\xff\r\n', 'latin1'),
      Buffer.from('no header at all'),
      Buffer.from(`Subject: literal {5}\r\n\r\n* 1 FETCH (UID 1)\r\nA1 OK done\r\n)\r\n`),
      raw('large', 300_000),
    ].map((one) => Buffer.from(one.toString('latin1').replaceAll('\0', ''), 'latin1'));
    const added: number[] = [];
    for (const one of nasty) added.push((await on.server.deliver(path, one)).uid);
    const order = [...added].reverse().concat(uids);
    await on.opened(path, async (folder) => {
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
    const { path, uids, number } = await on.folderWith(1);
    const [uid = 0] = uids;
    await on.opened(path, async (folder) => {
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
    const { path } = await on.folderWith(0);
    const whole = raw('raw', 2_500_000);
    const { uid } = await on.server.deliver(path, whole);
    const uidValidity = await on.opened(path, async (folder) => folder.uidValidity);
    const read = async (range: { offset: number; length: number } | null) =>
      Buffer.concat(await all(await on.mailbox.fetchRaw({ path, uidValidity, uid }, range, SIGNAL())));
    expect((await read(null)).equals(whole)).toBe(true);
    expect(await read({ offset: 0, length: 10 })).toEqual(whole.subarray(0, 10));
    expect((await read({ offset: 1_048_570, length: 20 })).equals(whole.subarray(1_048_570, 1_048_590))).toBe(
      true,
    );
    expect((await read({ offset: 5, length: 2_000_000 })).equals(whole.subarray(5, 2_000_005))).toBe(true);
    expect((await read({ offset: whole.length - 3, length: 100 })).equals(whole.subarray(-3))).toBe(true);
  });

  test('says so when the raw bytes are not there any more', async () => {
    const { path, uids } = await on.folderWith(1);
    const uidValidity = await on.opened(path, async (folder) => folder.uidValidity);
    const kindOf = async (location: { path: string; uidValidity: number; uid: number }) => {
      try {
        await all(await on.mailbox.fetchRaw(location, null, SIGNAL()));
      } catch (error) {
        return (error as ProviderError).kind;
      }
      return null;
    };
    expect(await kindOf({ path, uidValidity, uid: (uids[0] ?? 0) + 9 })).toBe('no_folder');
    expect(await kindOf({ path, uidValidity: uidValidity + 1, uid: uids[0] ?? 0 })).toBe('changed');
  });

  test('a stream that nobody reads to the end gives its connection back', async () => {
    const { path } = await on.folderWith(0);
    const { uid } = await on.server.deliver(path, raw('abandoned', 3_000_000));
    const uidValidity = await on.opened(path, async (folder) => folder.uidValidity);
    for (let n = 0; n < 8; n += 1) {
      const stream = await on.mailbox.fetchRaw({ path, uidValidity, uid }, null, SIGNAL());
      for await (const _ of stream) break;
    }
    await on.opened(path, async (folder) => expect(folder.exists).toBe(1));
  });

  test('several folders can be open at once', async () => {
    const [a, b] = [await on.folderWith(2), await on.folderWith(3)];
    await on.opened(a.path, (one) =>
      on.opened(b.path, async (other) => {
        expect([(await one.uids(1, null)).length, (await other.uids(1, null)).length]).toEqual([2, 3]);
      }),
    );
  });
}
