import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import {
  BlobMissing,
  type BlobRange,
  type BlobStore,
  checkKey,
  checkPrefix,
  type PutOptions,
} from './blob-store.ts';

/** Chunks of one write; Linux takes 1,024 (IOV_MAX). */
const CHUNKS_AT_ONCE = 512;

/** Objects as files under one directory, readable by its owner only. */
export class FileBlobStore implements BlobStore {
  readonly #root: string;
  /** Unfinished writes; no key starts with a dot, so none can name them. */
  readonly #unfinished: string;
  /** The outermost directory that we may have made: its name and all below it are ours to make durable. */
  #outermost: string;

  constructor(directory: string) {
    this.#root = resolve(directory);
    this.#outermost = this.#root;
    this.#unfinished = join(this.#root, '.unfinished');
  }

  async put(key: string, chunks: Buffer[], { copy = false }: PutOptions = {}): Promise<void> {
    const path = join(this.#root, checkKey(key));
    await this.#makeDirectory(this.#unfinished);
    const draft = join(this.#unfinished, randomUUID());
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await writeAll(file, chunks);
        if (!copy) await file.sync();
      } finally {
        await file.close();
      }
      await this.#place(draft, path, copy);
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
  async #place(draft: string, path: string, copy: boolean): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#makeDirectory(dirname(path));
      try {
        await rename(draft, path);
        if (!copy) await this.#syncNames(path);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 3) throw error;
      }
    }
  }

  async #makeDirectory(path: string): Promise<void> {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first && first.length < this.#outermost.length) this.#outermost = first;
  }

  /**
   * Makes a file's name durable, and those of all directories on the way, each time: that one is there does not say that
   * whoever made it has synced it, or could.
   */
  async #syncNames(path: string): Promise<void> {
    const last = dirname(this.#outermost);
    for (let directory = dirname(path); ; directory = dirname(directory)) {
      await syncDirectory(directory);
      if (directory === last) return;
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

/** Many chunks with few calls; a disk that is nearly full takes a part first, and then says so. */
async function writeAll(file: FileHandle, chunks: Buffer[]): Promise<void> {
  for (let at = 0; at < chunks.length; at += CHUNKS_AT_ONCE) {
    let rest = chunks.slice(at, at + CHUNKS_AT_ONCE);
    while (rest.length > 0) {
      const { bytesWritten } = await file.writev(rest);
      rest = behind(rest, bytesWritten);
    }
  }
}

/** What is left of `chunks` behind their first `bytes`. */
function behind(chunks: Buffer[], bytes: number): Buffer[] {
  let skipped = 0;
  for (const [i, chunk] of chunks.entries()) {
    if (skipped + chunk.length > bytes) return [chunk.subarray(bytes - skipped), ...chunks.slice(i + 1)];
    skipped += chunk.length;
  }
  return [];
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
