import { setTimeout as sleep } from 'node:timers/promises';
import type { ImapFlow, ListResponse } from 'imapflow';
import { type FolderStatus, ProviderError, type RemoteFolder } from '../provider.ts';
import { type ImapHooks, type ImapTimings, type UntaggedResponse, withDeadline } from './connection.ts';

/** Without LIST-STATUS each folder costs a command; more folders than this are looked at when they are opened. */
const MAX_STATUS_COMMANDS = 1_000;

/** RFC 8474 4: an object id has at most 255 characters. */
const MAX_ID_CHARS = 255;

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

/**
 * A listing that contradicts what STATUS says of a folder is made again so often, after these pauses, in ms: servers that keep
 * an index of folders (Dovecot) list renamed ones late, or for a moment not at all.
 */
const LIST_AGAIN_AFTER_MS = [20, 200, 500];
/** So many folders that are known and were not listed are asked about. */
const MAX_DOUBTS = 20;

/**
 * Lists all folders of the personal namespace, with a cheap observation of each unless that is not wanted. `known`: folders
 * that were there and that are asked about before they are left out.
 */
export async function listFolders(
  client: ImapFlow,
  timings: ImapTimings,
  signal: AbortSignal,
  { known = [], withStatus = true }: { known?: string[]; withStatus?: boolean } = {},
): Promise<RemoteFolder[]> {
  for (let again = 0; ; again += 1) {
    const { folders, gone } = await listOnce(client, timings, signal, withStatus);
    const doubtful = gone || (await lacksSome(client, folders, known, timings, signal));
    const pause = LIST_AGAIN_AFTER_MS[again];
    if (!doubtful || pause === undefined) return folders;
    await sleep(pause, undefined, { signal });
  }
}

/** Whether one of the known folders is not listed, although it is there. */
async function lacksSome(
  client: ImapFlow,
  listed: RemoteFolder[],
  known: string[],
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<boolean> {
  const paths = new Set(listed.map((folder) => folder.path));
  for (const path of known.filter((one) => !paths.has(one)).slice(0, MAX_DOUBTS)) {
    try {
      if (await statusOf(client, path, timings, signal)) return true;
    } catch (error) {
      // Whatever the refusal says: nothing speaks for the folder.
      if (!client.usable) throw error;
    }
  }
  return false;
}

/** `gone`: some were listed and are not there any more; they are left out. */
async function listOnce(
  client: ImapFlow,
  timings: ImapTimings,
  signal: AbortSignal,
  withStatus: boolean,
): Promise<{ folders: RemoteFolder[]; gone: boolean }> {
  const listed = await withDeadline(client, timings.list, signal, 'LIST', () =>
    client.list(withStatus ? { statusQuery: STATUS_ITEMS } : {}),
  );
  const ids = await mailboxIds(client, timings, signal);
  const folders: RemoteFolder[] = [];
  const seen = new Set<string>();
  let commands = 0;
  let gone = false;
  for (const entry of listed) {
    // A name that is no Unicode cannot be stored, nor shown.
    if (!entry.path || seen.has(entry.path) || !entry.path.isWellFormed() || entry.path.includes('\0'))
      continue;
    seen.add(entry.path);
    const selectable = !hasFlag(entry, '\\noselect') && !hasFlag(entry, '\\nonexistent');
    let status = readStatus(entry.status);
    if (withStatus && !status && selectable && commands < MAX_STATUS_COMMANDS) {
      commands += 1;
      const asked = await statusOrGone(client, entry.path, timings, signal);
      if (asked === 'gone') {
        gone = true;
        continue;
      }
      status = asked;
    }
    folders.push({
      path: entry.path,
      name: entry.path,
      delimiter: entry.delimiter || null,
      parentPath: entry.parentPath || null,
      specialUse: entry.path.toUpperCase() === 'INBOX' ? '\\Inbox' : specialUse(entry),
      selectable,
      remoteId: ids.get(entry.pathAsListed) ?? null,
      status,
    });
  }
  return { folders, gone };
}

/** The stable ids of all folders (RFC 8474), by their names as listed; empty where the server has none. */
async function mailboxIds(
  client: ImapFlow,
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  if (!client.capabilities.has('OBJECTID') || !client.capabilities.has('LIST-STATUS')) return ids;
  const hooks = client as unknown as ImapHooks;
  const atom = (value: string) => ({ type: 'ATOM', value });
  const read = async (untagged: UntaggedResponse) => {
    const [name, items] = untagged.attributes ?? [];
    if (typeof name?.value !== 'string' || !Array.isArray(items)) return;
    const at = items.findIndex((i) => typeof i?.value === 'string' && i.value.toUpperCase() === 'MAILBOXID');
    const id = at < 0 ? undefined : items[at + 1];
    const value = Array.isArray(id) ? id[0]?.value : id?.value;
    if (typeof value === 'string' && value.length <= MAX_ID_CHARS) ids.set(name.value, value);
  };
  try {
    await withDeadline(client, timings.list, signal, 'LIST', async () => {
      const query = ['', '*'].map((value) => ({ type: 'STRING', value }));
      const response = await hooks.exec(
        'LIST',
        [...query, atom('RETURN'), [atom('STATUS'), [atom('MAILBOXID')]]],
        { untagged: { STATUS: read, LIST: async () => {} } },
      );
      response.next();
    });
  } catch (error) {
    // Advertised and refused: then renames are told by UIDVALIDITY.
    if (!client.usable) throw error;
  }
  return ids;
}

/** STATUS of a folder that was listed; another client may have deleted it since. */
async function statusOrGone(
  client: ImapFlow,
  path: string,
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<FolderStatus | null | 'gone'> {
  try {
    return await statusOf(client, path, timings, signal);
  } catch (error) {
    if (error instanceof ProviderError && error.kind === 'no_folder') return 'gone';
    throw error;
  }
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
