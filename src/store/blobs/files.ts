import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { BlobMissing, type BlobRange, type BlobStore, checkKey, checkPrefix } from './blob-store.ts';

/** Objects as files under one directory, readable by its owner only. */
export class FileBlobStore implements BlobStore {
  readonly #root: string;
  /** Unfinished writes; no key starts with a dot, so none can name them. */
  readonly #unfinished: string;

  constructor(directory: string) {
    this.#root = directory;
    this.#unfinished = join(directory, '.unfinished');
  }

  async put(key: string, chunks: Buffer[]): Promise<void> {
    const path = join(this.#root, checkKey(key));
    await makeDirectory(this.#unfinished);
    const draft = join(this.#unfinished, randomUUID());
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        for (const chunk of chunks) await file.appendFile(chunk);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#place(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async read(key: string, range?: BlobRange): Promise<Readable> {
    const file = await this.#open(checkKey(key));
    try {
      const { size } = await file.stat();
      const start = range?.offset ?? 0;
      const length = range?.length ?? size;
      if (start + length > size) throw new BlobMissing('the object ends before the range');
      if (length > 0) return file.createReadStream({ start, end: start + length - 1 });
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return Readable.from([]);
  }

  async deletePrefix(prefix: string): Promise<void> {
    await rm(join(this.#root, checkPrefix(prefix)), { recursive: true, force: true });
  }

  async *list(prefix: string): AsyncIterable<string> {
    yield* this.#walk(checkPrefix(prefix).slice(0, -1));
  }

  /** Removes what an earlier process left half written; call before the first put. */
  async clean(): Promise<void> {
    await rm(this.#unfinished, { recursive: true, force: true });
  }

  /** Gives a finished file its name. An erasure may take the folder away in between: then it is made again. */
  async #place(draft: string, path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await makeDirectory(dirname(path));
      try {
        await rename(draft, path);
        await syncDirectory(dirname(path));
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 3) throw error;
      }
    }
  }

  async #open(key: string): Promise<FileHandle> {
    try {
      return await open(join(this.#root, key), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new BlobMissing('no such object');
      throw error;
    }
  }

  async *#walk(key: string): AsyncIterable<string> {
    const directory = await opendir(join(this.#root, key)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (!directory) return;
    for await (const entry of directory) {
      const inside = `${key}/${entry.name}`;
      if (entry.isDirectory()) yield* this.#walk(inside);
      else if (entry.isFile()) yield inside;
    }
  }
}

/** Makes a directory with its parents, and makes each new name durable. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (!first) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
