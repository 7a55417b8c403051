import { expect, test } from 'vitest';
import { type EditableFolder, ProviderError } from '../../src/providers/provider.ts';
import { SIGNAL, type Trial } from './trial.ts';

/** Changing messages and folders, and searching. */
export function editingTests(on: Trial): void {
  const editing = async <T>(path: string, work: (folder: EditableFolder) => Promise<T>): Promise<T> => {
    const folder = await on.mailbox.edit(path, SIGNAL());
    try {
      return await work(folder);
    } finally {
      await folder.close();
    }
  };
  const uidsIn = (path: string) => on.opened(path, (folder) => folder.uids(1, null));

  test('sets and takes flags, and tells what they are', async () => {
    const { path, uids } = await on.folderWith(4);
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
    const { path, uids } = await on.folderWith(3);
    const { path: other } = await on.folderWith(1);
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
    const { path, uids } = await on.folderWith(4);
    await on.server.setFlags(path, uids[3] as number, ['\\Deleted']);
    await editing(path, (folder) => folder.remove([uids[1] as number]));
    expect(await uidsIn(path)).toEqual([uids[0], uids[2], uids[3]]);
  });

  test('into a folder that is not there is refused in the words of the server, and moves nothing', async () => {
    const { path, uids } = await on.folderWith(2);
    const refused = editing(path, (folder) => folder.copy(uids, 'Nowhere at all'));
    await expect(refused).rejects.toBeInstanceOf(ProviderError);
    await expect(refused).rejects.toMatchObject({ response: expect.stringMatching(/./) });
    await expect(on.mailbox.edit('Nowhere at all', SIGNAL())).rejects.toBeInstanceOf(ProviderError);
    expect(await uidsIn(path)).toEqual(uids);
  });

  test('makes, renames and deletes folders, with names in Unicode', async () => {
    const number = on.next();
    const name = `Größe ${number} & Co`;
    const made = (await on.mailbox.createFolder({ parentPath: null, name }, null, SIGNAL())).at(-1)!;
    const listed = async () => (await on.mailbox.folders(SIGNAL())).find((f) => f.path === made.path);
    expect({ ...(await listed()), status: null }).toEqual({ ...made, status: null });
    const again = on.mailbox.createFolder({ parentPath: null, name }, null, SIGNAL());
    await expect(again).rejects.toMatchObject({ kind: 'exists' });
    const chain = await on.mailbox.createFolder({ parentPath: made.path, name: '日本' }, null, SIGNAL());
    expect(chain.map((f) => f.path).slice(-2)[0]).toBe(made.path);
    const to = { parentPath: null, name: `Maß ${number}` };
    const renamed = (await on.mailbox.renameFolder(made.path, to, SIGNAL())).at(-1)!;
    expect(renamed.path).toContain(to.name);
    expect(await listed()).toBeUndefined();
    const paths = (await on.mailbox.folders(SIGNAL())).map((f) => f.path);
    const child = paths.find((path) => path.startsWith(renamed.path) && path.endsWith('日本'));
    expect(child).toBeDefined();
    await on.mailbox.deleteFolder(child as string, SIGNAL());
    expect((await on.mailbox.folders(SIGNAL())).map((f) => f.path)).not.toContain(child);
    await expect(on.mailbox.deleteFolder('Nowhere at all', SIGNAL())).rejects.toBeInstanceOf(ProviderError);
  });

  test('searches in its own language; what it cannot read is a bad query', async () => {
    const { path, uids } = await on.folderWith(3);
    const type =
      'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit';
    await on.server.deliver(path, Buffer.from(`Subject: other\r\n${type}\r\n\r\nDie Größe\r\n`));
    const found = await on.mailbox.search(path, 'SUBJECT "mail" UNSEEN', SIGNAL());
    expect(found.uids).toEqual(uids.slice(1));
    expect(await on.mailbox.search(path, 'BODY "Größe"', SIGNAL())).toMatchObject({
      uids: [expect.any(Number)],
    });
    expect((await on.mailbox.search(path, 'SUBJECT "never"', SIGNAL())).uids).toEqual([]);
    await expect(on.mailbox.search(path, 'hello', SIGNAL())).rejects.toMatchObject({ kind: 'bad_query' });
  });
}
