import type { ImapFlow, ListResponse } from 'imapflow';
import type { FolderStatus, RemoteFolder } from '../provider.ts';
import { type ImapTimings, withDeadline } from './connection.ts';

/** Without LIST-STATUS each folder costs a command; more folders than this are looked at when they are opened. */
const MAX_STATUS_COMMANDS = 1_000;

const STATUS_ITEMS = {
  messages: true,
  uidNext: true,
  uidValidity: true,
  unseen: true,
  highestModseq: true,
} as const;

/** Special uses in the spelling of RFC 6154, by their lower-case form. */
const SPECIAL_USES = new Map(
  [
    '\\Inbox',
    '\\Sent',
    '\\Drafts',
    '\\Trash',
    '\\Junk',
    '\\Archive',
    '\\All',
    '\\Flagged',
    '\\Important',
  ].map((use) => [use.toLowerCase(), use]),
);

/** Lists all folders of the personal namespace with a cheap observation of each. */
export async function listFolders(
  client: ImapFlow,
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<RemoteFolder[]> {
  const listed = await withDeadline(client, timings.list, signal, 'LIST', () =>
    client.list({ statusQuery: STATUS_ITEMS }),
  );
  const folders: RemoteFolder[] = [];
  const seen = new Set<string>();
  let commands = 0;
  for (const entry of listed) {
    // A name that is no Unicode cannot be stored, nor shown.
    if (!entry.path || seen.has(entry.path) || !entry.path.isWellFormed() || entry.path.includes('\0'))
      continue;
    seen.add(entry.path);
    const selectable = !hasFlag(entry, '\\noselect') && !hasFlag(entry, '\\nonexistent');
    let status = readStatus(entry.status);
    if (!status && selectable && commands < MAX_STATUS_COMMANDS) {
      commands += 1;
      status = await statusOf(client, entry.path, timings, signal);
    }
    folders.push({
      path: entry.path,
      name: entry.path,
      delimiter: entry.delimiter || null,
      parentPath: entry.parentPath || null,
      specialUse: entry.path.toUpperCase() === 'INBOX' ? '\\Inbox' : specialUse(entry),
      selectable,
      remoteId: null,
      status,
    });
  }
  return folders;
}

/** STATUS of one folder, or null when the server will not say. */
export async function statusOf(
  client: ImapFlow,
  path: string,
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<FolderStatus | null> {
  const status = await withDeadline(client, timings.command, signal, 'STATUS', () =>
    client.status(path, STATUS_ITEMS),
  );
  return readStatus(status);
}

function readStatus(status: ListResponse['status'] | false): FolderStatus | null {
  // Without UIDVALIDITY nothing that was said can be tied to what is stored.
  if (!status || !('uidValidity' in status) || !status.uidValidity) return null;
  return {
    uidValidity: Number(status.uidValidity),
    uidNext: status.uidNext ?? null,
    messages: status.messages ?? null,
    unseen: status.unseen ?? null,
    highestModseq: status.highestModseq ? Number(status.highestModseq) : null,
  };
}

function specialUse(entry: ListResponse): string | null {
  const named = entry.specialUse ? SPECIAL_USES.get(entry.specialUse.toLowerCase()) : undefined;
  if (named && named !== '\\Inbox') return named;
  for (const flag of entry.flags) {
    const use = SPECIAL_USES.get(flag.toLowerCase());
    if (use && use !== '\\Inbox') return use;
  }
  return null;
}

function hasFlag(entry: ListResponse, name: string): boolean {
  for (const flag of entry.flags) if (flag.toLowerCase() === name) return true;
  return false;
}
