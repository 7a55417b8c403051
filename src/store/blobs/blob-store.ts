import type { Readable } from 'node:stream';

/**
 * A place for immutable objects: written once as a whole, read whole or in part. Keys are relative paths of
 * `a-z 0-9 . _ -` and `/`. Raw copies of mail are `raw/<grant id>/<yyyy-mm-dd>/<uuid>`, one object a batch.
 */
export interface BlobStore {
  /** Written when it resolves; on the disk as well, unless it is said to be had elsewhere too (`copy`). */
  put(key: string, chunks: Buffer[], options?: PutOptions): Promise<void>;
  /** Throws {@link BlobMissing} before the first byte when there is no such object or it is too short. */
  read(key: string, range?: BlobRange): Promise<Readable>;
  /** Deletes all objects under a prefix that ends with `/`. */
  deletePrefix(prefix: string): Promise<void>;
  /** The keys under a prefix that ends with `/`, in no promised order. */
  list(prefix: string): AsyncIterable<string>;
}

export interface PutOptions {
  /**
   * It is a copy of what can be asked for again, and whoever reads it checks it by its digest: it need not survive a
   * power cut.
   */
  copy?: boolean;
}

export interface BlobRange {
  offset: number;
  length: number;
}

export class BlobMissing extends Error {
  override name = 'BlobMissing';
}

const SEGMENT = /^[a-z0-9_-][a-z0-9._-]*$/;

/** The key, if it is one; no segment starts with a dot, so none leads upwards or hides. */
export function checkKey(key: string): string {
  if (key.length > 512 || !key.split('/').every((segment) => SEGMENT.test(segment))) {
    throw new Error('not a blob key');
  }
  return key;
}

/** The prefix, if it is one: whole segments, ending with `/`, so that `a/1` never means `a/10`. */
export function checkPrefix(prefix: string): string {
  if (!prefix.endsWith('/')) throw new Error('not a blob prefix');
  checkKey(prefix.slice(0, -1));
  return prefix;
}
