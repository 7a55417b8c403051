import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { startS3 } from '../../../test/support/s3.ts';
import { BlobMissing, type BlobStore } from './blob-store.ts';
import { expireRawCopies } from './expire.ts';
import { FileBlobStore } from './files.ts';
import { S3BlobStore } from './s3.ts';

interface Opened {
  store: BlobStore;
  close(): Promise<void>;
}

async function openFiles(): Promise<Opened> {
  const directory = await mkdtemp(join(tmpdir(), 'mailquay-blobs-'));
  return {
    store: new FileBlobStore(join(directory, 'deep', 'blobs')),
    close: () => rm(directory, { recursive: true }),
  };
}

async function openS3(): Promise<Opened> {
  const s3 = await startS3();
  const store = new S3BlobStore(s3);
  return {
    store,
    close: async () => {
      store.close();
      await s3.close();
    },
  };
}

/** What any blob store must do, whatever it is made of. */
describe.each([
  ['files', openFiles],
  ['s3', openS3],
] as const)('blob store on %s', (_name, openStore) => {
  const using = (work: (store: BlobStore) => Promise<void>) => async () => {
    const { store, close } = await openStore();
    try {
      await work(store);
    } finally {
      await close();
    }
  };
  const keys = async (store: BlobStore, prefix: string) => {
    const found: string[] = [];
    for await (const key of store.list(prefix)) found.push(key);
    return found.sort();
  };

  it(
    'gives back what was put, whole and in part',
    using(async (store) => {
      const chunks = [randomBytes(70_000), randomBytes(1), Buffer.alloc(0), randomBytes(200_000)];
      const whole = Buffer.concat(chunks);
      await store.put('raw/g/2026-11-24/one', chunks);
      expect((await buffer(await store.read('raw/g/2026-11-24/one'))).equals(whole)).toBe(true);
      for (const [offset, length] of [
        [0, 1],
        [69_999, 3],
        [0, whole.length],
        [whole.length - 1, 1],
        [5, 0],
      ] as const) {
        const part = await buffer(await store.read('raw/g/2026-11-24/one', { offset, length }));
        expect(part.equals(whole.subarray(offset, offset + length))).toBe(true);
      }
    }),
  );

  it(
    'says that an object is missing, or too short, before it gives a byte',
    using(async (store) => {
      await expect(store.read('raw/g/none')).rejects.toBeInstanceOf(BlobMissing);
      await expect(store.read('raw/g/none', { offset: 0, length: 0 })).rejects.toBeInstanceOf(BlobMissing);
      await store.put('raw/g/short', [Buffer.from('abc')]);
      for (const range of [
        { offset: 0, length: 4 },
        { offset: 3, length: 1 },
        { offset: 9, length: 1 },
      ]) {
        await expect(store.read('raw/g/short', range)).rejects.toBeInstanceOf(BlobMissing);
      }
    }),
  );

  it(
    'keeps an empty object, and the last of two writes',
    using(async (store) => {
      await store.put('raw/g/empty', []);
      expect((await buffer(await store.read('raw/g/empty'))).length).toBe(0);
      await store.put('raw/g/empty', [Buffer.from('now full')]);
      expect((await buffer(await store.read('raw/g/empty'))).toString()).toBe('now full');
    }),
  );

  it(
    'lists and deletes by whole segments',
    using(async (store) => {
      const made = ['raw/a/1', 'raw/a/2', 'raw/a/3', 'raw/a/4', 'raw/a/5', 'raw/ab/1', 'other/a/1'];
      for (const key of made) await store.put(key, [Buffer.from(key)]);
      expect(await keys(store, 'raw/')).toEqual(made.slice(0, 6).sort());
      expect(await keys(store, 'raw/a/')).toEqual(made.slice(0, 5));
      expect(await keys(store, 'nothing/')).toEqual([]);
      await store.deletePrefix('raw/a/');
      await store.deletePrefix('raw/a/');
      expect(await keys(store, 'raw/')).toEqual(['raw/ab/1']);
      expect(await keys(store, 'other/')).toEqual(['other/a/1']);
    }),
  );

  it(
    'refuses keys that lead elsewhere',
    using(async (store) => {
      for (const key of [
        '../x',
        'a/../b',
        '/a',
        'a//b',
        'a/',
        '',
        'A',
        'a b',
        'a\0b',
        '.hidden',
        'a/.tmp',
        'ä',
        'a\\b',
      ]) {
        await expect(store.put(key, [])).rejects.toThrow('not a blob key');
        await expect(store.read(key)).rejects.toThrow('not a blob key');
      }
      for (const prefix of ['', '/', 'raw', '../', 'raw/../', 'raw/a']) {
        await expect(store.deletePrefix(prefix)).rejects.toThrow();
        await expect(keys(store, prefix)).rejects.toThrow();
      }
    }),
  );

  it(
    'expires the days that have passed the retention as a whole',
    using(async (store) => {
      for (const day of ['2026-11-15', '2026-11-16', '2026-11-17', '2026-11-24']) {
        await store.put(`raw/g1/${day}/x`, [Buffer.from('x')]);
      }
      await store.put('raw/g2/2026-01-01/x', [Buffer.from('x')]);
      await store.put('raw/g2/strange', [Buffer.from('x')]);
      // What was stored at the last moment of the 16th is seven days old at the end of the 23rd.
      const deleted = await expireRawCopies(store, 7, new Date('2026-11-23T23:59:59Z'));
      expect(deleted.sort()).toEqual(['raw/g1/2026-11-15/', 'raw/g2/2026-01-01/']);
      expect(await expireRawCopies(store, 7, new Date('2026-11-24T00:00:00Z'))).toEqual([
        'raw/g1/2026-11-16/',
      ]);
      expect(await keys(store, 'raw/')).toEqual([
        'raw/g1/2026-11-17/x',
        'raw/g1/2026-11-24/x',
        'raw/g2/strange',
      ]);
    }),
  );
});

describe('files', () => {
  it('are readable by their owner only, and nothing half written stays', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mailquay-blobs-'));
    const root = join(directory, 'blobs');
    const store = new FileBlobStore(root);
    await store.put('raw/g/1', [Buffer.from('x')]);
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, 'raw/g'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, 'raw/g/1'))).mode & 0o777).toBe(0o600);
    await store.clean();
    await store.put('raw/g/2', [Buffer.from('x')]);
    await rm(directory, { recursive: true });
  });

  it('survive a folder that is erased while they are written', async () => {
    const { store, close } = await openFiles();
    const writes = Array.from({ length: 40 }, (_, i) =>
      store.put(`raw/g/2026-11-24/${i}`, [Buffer.from('x')]),
    );
    const erasures = Array.from({ length: 10 }, () => store.deletePrefix('raw/g/'));
    await Promise.all([...writes, ...erasures]);
    await close();
  });
});

describe('s3', () => {
  it('tries again when the store is busy or the connection breaks', async () => {
    const s3 = await startS3();
    const store = new S3BlobStore(s3);
    s3.faults.busy = 2;
    await store.put('raw/g/1', [Buffer.from('x')]);
    s3.faults.cut = 2;
    expect((await buffer(await store.read('raw/g/1'))).toString()).toBe('x');
    s3.faults.busy = 99;
    await expect(store.put('raw/g/2', [])).rejects.toThrow('503 SlowDown');
    store.close();
    await s3.close();
  });

  it('is refused with a wrong secret, in the words of the store', async () => {
    const s3 = await startS3();
    const store = new S3BlobStore({ ...s3, secretAccessKey: 'wrong' });
    await expect(store.put('raw/g/1', [])).rejects.toThrow('403 SignatureDoesNotMatch');
    expect(s3.objects.size).toBe(0);
    store.close();
    await s3.close();
  });
});
