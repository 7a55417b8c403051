import type { BlobStore } from './blob-store.ts';

const DAY_MS = 86_400_000;

/**
 * Deletes the days of raw copies that have wholly passed the retention. Nobody reads an object that old: readers
 * look at when it was stored. Returns the folders that were deleted.
 */
export async function expireRawCopies(blobs: BlobStore, retentionDays: number, now: Date): Promise<string[]> {
  const old = new Set<string>();
  for await (const key of blobs.list('raw/')) {
    const [, folder, day] = /^(raw\/[^/]+\/(\d{4}-\d\d-\d\d)\/)/.exec(key) ?? [];
    if (!folder || !day) continue;
    const lastMoment = Date.parse(`${day}T00:00:00Z`) + DAY_MS;
    if (lastMoment + retentionDays * DAY_MS <= now.getTime()) old.add(folder);
  }
  for (const folder of old) await blobs.deletePrefix(folder);
  return [...old];
}
