/** ST3: what fsync could not make durable is not acknowledged, and is written anew rather than believed. */
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BlobMissing } from './blob-store.ts';
import { FileBlobStore } from './files.ts';

const KEY = 'sent/g/one';
const CONTENT = Buffer.from('what was promised to be kept');

let directory: string;
/** The class of all open files, which Node does not export. */
let handles: { sync(): Promise<void> };
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailquay-sync-'));
  const file = await open(directory, 'r');
  handles = Object.getPrototypeOf(file) as typeof handles;
  await file.close();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

const written = async () =>
  (await readdir(directory, { recursive: true, withFileTypes: true })).filter((e) => e.isFile());

/** Makes the nth fsync from now on fail as a broken disk does, and counts them all. */
function failSync(nth: number): { calls: number } {
  const counted = { calls: 0 };
  const real = handles.sync;
  vi.spyOn(handles, 'sync').mockImplementation(async function (this: typeof handles) {
    counted.calls += 1;
    if (counted.calls === nth) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
    await real.call(this);
  });
  return counted;
}

/** How many times a put syncs: its file, and each directory that has a new name. */
async function syncsOfPut(): Promise<number> {
  const counted = failSync(0);
  await new FileBlobStore(join(directory, 'probe')).put(KEY, [CONTENT]);
  vi.restoreAllMocks();
  await rm(join(directory, 'probe'), { recursive: true });
  return counted.calls;
}

it('whichever fsync of a put fails: the put fails, and the next one writes and syncs a file of its own', async () => {
  const all = await syncsOfPut();
  expect(all).toBeGreaterThan(2);
  for (let nth = 1; nth <= all; nth += 1) {
    const store = new FileBlobStore(join(directory, `${nth}`));
    const counted = failSync(nth);
    await expect(store.put(KEY, [CONTENT]), `fsync ${nth}`).rejects.toMatchObject({ code: 'EIO' });
    expect(counted.calls, 'the same fsync is not tried again').toBe(nth);
    // The half-written draft is gone, and not picked up by the next attempt.
    expect((await written()).filter(({ parentPath }) => parentPath.includes('.unfinished'))).toEqual([]);
    vi.restoreAllMocks();
    const again = failSync(0);
    await store.put(KEY, [CONTENT]);
    // That a directory is there already does not say that its name would outlive the machine.
    expect(again.calls, 'file and all names').toBe(all);
    expect((await buffer(await store.read(KEY))).equals(CONTENT)).toBe(true);
    vi.restoreAllMocks();
  }
});

it('a file that could not be synced gets no name', async () => {
  const store = new FileBlobStore(directory);
  await store.put('sent/g/before', [CONTENT]);
  // All directories are there: the first fsync is the one of the file.
  failSync(1);
  await expect(store.put(KEY, [CONTENT])).rejects.toMatchObject({ code: 'EIO' });
  await expect(store.read(KEY)).rejects.toBeInstanceOf(BlobMissing);
});
