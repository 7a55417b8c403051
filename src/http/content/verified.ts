import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Bytes } from '../answer.ts';

/** What the bytes must be. */
export interface Expected {
  length: number;
  /** Hex. */
  sha256: string;
}

/** The bytes are not those that were promised. */
export class DigestMismatch extends Error {
  override name = 'DigestMismatch';
}

/** The bytes may be good, but there is no room to keep them until that is known. */
export class SpoolFailed extends Error {
  override name = 'SpoolFailed';
}

/** Up to here the checked bytes wait in memory, beyond in a file without a name. */
const MEMORY_BYTES = 512 * 1024;

/**
 * Reads a source to its end, checks length and SHA-256, and only then gives it out, decoded on the way if asked.
 * Memory stays bounded whatever the size. Throws {@link DigestMismatch}, and
 * {@link SpoolFailed} when the disk takes no more.
 */
export async function verified(
  source: Readable,
  expected: Expected,
  spoolDirectory: string,
  options: { decoder?: Transform; signal?: AbortSignal } = {},
): Promise<Bytes> {
  const { decoder, signal } = options;
  const spool = new Spool(spoolDirectory);
  try {
    await pipeline([source, checking(expected), ...(decoder ? [decoder] : []), spool], { signal });
    return spool.reader();
  } catch (error) {
    await spool.discard();
    throw error;
  }
}

function checking(expected: Expected): Transform {
  const hash = createHash('sha256');
  let length = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      length += chunk.length;
      if (length > expected.length) return done(new DigestMismatch('longer than promised'));
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const good = length === expected.length && hash.digest('hex') === expected.sha256;
      done(good ? null : new DigestMismatch('not the bytes that were promised'));
    },
  });
}

/** Collects bytes, in memory while they are few. */
class Spool extends Writable {
  readonly #directory: string;
  #chunks: Buffer[] = [];
  #length = 0;
  #file: FileHandle | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    super();
    this.#directory = directory;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writing = this.#add(chunk).catch((cause: NodeJS.ErrnoException) => {
      throw new SpoolFailed(`nothing can be kept on the disk (${cause.code})`, { cause });
    });
    this.#writing.then(() => done(), done);
  }

  reader(): Bytes {
    const stream = this.#file
      ? this.#file.createReadStream({ start: 0, autoClose: true })
      : Readable.from(this.#chunks, { objectMode: false });
    return { length: this.#length, stream };
  }

  async discard(): Promise<void> {
    // A write may still be under way, and be the one that opens the file.
    await this.#writing.catch(() => {});
    await this.#file?.close().catch(() => {});
    this.#chunks = [];
  }

  async #add(chunk: Buffer): Promise<void> {
    this.#length += chunk.length;
    if (!this.#file && this.#length > MEMORY_BYTES) {
      const path = join(this.#directory, `mailquay-${randomUUID()}`);
      this.#file = await open(path, 'wx+', 0o600);
      // Open but nameless: whatever ends us, nothing is left behind.
      await unlink(path);
      for (const held of this.#chunks) await this.#file.appendFile(held);
      this.#chunks = [];
    }
    if (this.#file) await this.#file.appendFile(chunk);
    else this.#chunks.push(chunk);
  }
}
