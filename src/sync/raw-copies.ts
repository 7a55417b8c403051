import { randomUUID } from 'node:crypto';
import { faultPoint } from '../platform/fault-point.ts';
import type { BlobStore } from '../store/blobs/blob-store.ts';

/** Where the raw copies of a batch went. */
export interface RawCopies {
  at(index: number): { object: string; offset: number };
}

/**
 * Writes the raw copies of a batch as one object, named by grant and day so that a whole day can be dropped
 * when it is old. Null when raw copies are switched off or the disk is full: the provider has the originals.
 */
export async function storeRawCopies(
  blobs: BlobStore,
  grantId: string,
  raws: Buffer[],
  now: Date,
  retentionDays: number,
  onFailure: (error: unknown) => void,
): Promise<RawCopies | null> {
  if (retentionDays === 0 || raws.length === 0) return null;
  const object = `raw/${grantId}/${now.toISOString().slice(0, 10)}/${randomUUID()}`;
  try {
    await faultPoint('blob.before_put');
    await blobs.put(object, raws, { copy: true });
    await faultPoint('blob.after_put');
  } catch (error) {
    onFailure(error);
    return null;
  }
  const offsets: number[] = [];
  let offset = 0;
  for (const raw of raws) {
    offsets.push(offset);
    offset += raw.length;
  }
  return { at: (index) => ({ object, offset: offsets[index] as number }) };
}
