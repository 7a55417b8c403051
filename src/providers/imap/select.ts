import type { ImapFlow } from 'imapflow';
import { withDeadline } from './connection.ts';
import { statusOf } from './folders.ts';
import { SelectedFolder } from './selected-folder.ts';

/** SELECT of a large folder that the server has to index first, in ms. */
const SELECT_TIMEOUT_MS = 2 * 60_000;

/** SELECTs read-only (EXAMINE: reading must not change \Recent) and returns one consistent observation. */
export async function select(
  client: ImapFlow,
  path: string,
  signal: AbortSignal,
  release: () => void,
): Promise<SelectedFolder> {
  const box = await withDeadline(client, SELECT_TIMEOUT_MS, signal, 'EXAMINE', () =>
    client.mailboxOpen(path, { readOnly: true }),
  );
  let uidNext: number | null = box.uidNext || null;
  // SELECT without UIDNEXT: STATUS knows.
  if (!uidNext) uidNext = (await statusOf(client, path, signal))?.uidNext ?? null;
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
    signal,
    release,
  );
}
