import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeBody } from '../../mail/mime/decode-body.ts';
import { DigestMismatch, verified } from './verified.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailquay-spool-'));
});
afterAll(() => rm(directory, { recursive: true }));

const expected = (bytes: Buffer) => ({
  length: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
});

it.each([0, 1, 100_000, 524_288, 524_289, 2_000_000])('gives out %i good bytes', async (size) => {
  const bytes = Buffer.alloc(size, 'abc');
  const { length, stream } = await verified(Readable.from([bytes]), expected(bytes), directory);
  expect(length).toBe(size);
  expect((await buffer(stream)).equals(bytes)).toBe(true);
});

it('decodes what it has checked, and counts what it gives out', async () => {
  const content = Buffer.from('hello '.repeat(200_000));
  const encoded = Buffer.from(content.toString('base64'));
  const { length, stream } = await verified(
    Readable.from([encoded.subarray(0, 7), encoded.subarray(7)]),
    expected(encoded),
    directory,
    { decoder: decodeBody('base64') },
  );
  expect(length).toBe(content.length);
  expect((await buffer(stream)).equals(content)).toBe(true);
});

it('refuses bytes that are others, fewer or more', async () => {
  for (const size of [10, 2_000_000]) {
    const bytes = Buffer.alloc(size, 'x');
    const promise = expected(bytes);
    const other = Buffer.from(bytes);
    other[size - 1] = 0;
    for (const given of [other, bytes.subarray(1), Buffer.concat([bytes, bytes]), Buffer.alloc(0)]) {
      const opened = verified(Readable.from([given]), promise, directory);
      await expect(opened).rejects.toBeInstanceOf(DigestMismatch);
    }
  }
});

it('lets the source go when nobody waits any more', async () => {
  const source = new Readable({ read: () => {} });
  const leaving = new AbortController();
  const opened = verified(source, expected(Buffer.from('x')), directory, { signal: leaving.signal });
  leaving.abort();
  await expect(opened).rejects.toThrow();
  expect(source.destroyed).toBe(true);
});

it('keeps little in memory, and no name in the directory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const chunk = Buffer.alloc(65_536, 1);
  const chunks = 640; // 40 MB
  const hash = createHash('sha256');
  for (let i = 0; i < chunks; i++) hash.update(chunk);
  const promise = { length: chunks * chunk.length, sha256: hash.digest('hex') };
  let peak = 0;
  collect();
  const before = process.memoryUsage().arrayBuffers;
  const source = Readable.from(
    (function* () {
      for (let i = 0; i < chunks; i++) {
        if (i % 80 === 79) {
          collect(); // what is only garbage does not count
          peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
        }
        yield Buffer.from(chunk);
      }
    })(),
  );
  const { stream } = await verified(source, promise, directory);
  expect(peak).toBeLessThan(6_000_000);
  expect(await readdir(directory)).toEqual([]);
  stream.destroy();
});
