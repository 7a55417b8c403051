import type { ImapFlow } from 'imapflow';
import { ProviderError } from '../provider.ts';
import { type ImapTimings, withDeadline } from './connection.ts';
import { statusOf } from './folders.ts';
import { SelectedFolder } from './selected-folder.ts';

/** SELECTs read-only (EXAMINE: reading must not change \Recent) and returns one consistent observation. */
export async function select(
  client: ImapFlow,
  path: string,
  timings: ImapTimings,
  signal: AbortSignal,
  release: () => void,
): Promise<SelectedFolder> {
  const box = await withDeadline(client, timings.select, signal, 'EXAMINE', () =>
    client.mailboxOpen(path, { readOnly: true }),
  ).catch(async (error: unknown) => {
    if (!(error instanceof ProviderError) || error.kind !== 'protocol' || !client.usable) throw error;
    // A NO to this one command on a connection that lives concerns this folder only. Not every server says
    // NONEXISTENT; STATUS tells whether the folder is there at all.
    await statusOf(client, path, timings, signal);
    throw new ProviderError('folder_refused', error.message, {
      response: error.response,
      code: error.code,
      cause: error,
    });
  });
  let uidNext: number | null = box.uidNext || null;
  // SELECT without UIDNEXT: STATUS knows.
  if (!uidNext) uidNext = (await statusOf(client, path, timings, signal))?.uidNext ?? null;
  return new SelectedFolder(
    client,
    path,
    {
      // A server without UIDVALIDITY promises nothing; 1 makes its UIDs count as valid until they contradict.
      uidValidity: Number(box.uidValidity || 1),
      uidNext,
      exists: box.exists ?? 0,
      highestModseq: box.noModseq || !box.highestModseq ? 0 : Number(box.highestModseq),
    },
    timings,
    signal,
    release,
  );
}
