import type { ImapFlow, MailboxObject } from 'imapflow';
import { ProviderError } from '../provider.ts';
import { closedByServer, type ImapTimings, withDeadline } from './connection.ts';
import { statusOf } from './folders.ts';
import { SelectedFolder } from './selected-folder.ts';

/** How servers without the code NONEXISTENT say that there is no such folder. */
const MISSING_WORDS =
  /doesn't exist|does not exist|no such (mailbox|folder)|(mailbox|folder) not found|unknown (mailbox|folder)/i;

/** SELECTs read-only (EXAMINE: reading must not change \Recent) and returns one consistent observation. */
export async function select(
  client: ImapFlow,
  path: string,
  timings: ImapTimings,
  signal: AbortSignal,
  release: () => void,
): Promise<SelectedFolder> {
  const box: MailboxObject | undefined = await withDeadline(client, timings.select, signal, 'EXAMINE', () =>
    client.mailboxOpen(path, { readOnly: true }),
  ).catch(async (error: unknown) => {
    if (!(error instanceof ProviderError) || error.kind !== 'protocol' || !client.usable) throw error;
    // A NO to this one command on a connection that lives concerns this folder only. Not every server says
    // NONEXISTENT; STATUS tells whether the folder is there at all.
    await statusOf(client, path, timings, signal);
    // A folder that is listed and not there: some servers go on listing what was deleted.
    const kind = MISSING_WORDS.test(error.message) ? 'no_folder' : 'folder_refused';
    throw new ProviderError(kind, error.message, {
      response: error.response,
      code: error.code,
      cause: error,
    });
  });
  // The library gives nothing when the server says BYE in mid-command.
  if (!box) throw closedByServer(client);
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
