import type { ImapFlow } from 'imapflow';
import { encodePath } from 'imapflow/lib/tools.js';
import type { FolderName, RemoteFolder } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { type ImapHooks, type ImapTimings, withDeadline } from './connection.ts';
import { listFolders } from './folders.ts';

/** Where a name has no delimiter to be told by, as in a namespace that is flat (RFC 9051 5.1.1). */
const DEFAULT_DELIMITER = '/';

/** CREATE (RFC 9051 6.3.4), with the use of the folder where the server takes one (RFC 6154 3). */
export async function createFolder(
  client: ImapFlow,
  at: FolderName,
  specialUse: string | null,
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<RemoteFolder[]> {
  const path = pathOf(client, at);
  const withUse = specialUse !== null && client.capabilities.has('CREATE-SPECIAL-USE');
  const made = await withDeadline(client, timings.command, signal, 'CREATE', async () => {
    if (!withUse) return (await client.mailboxCreate(path)).created;
    const hooks = client as unknown as ImapHooks;
    const atom = (value: string) => ({ type: 'ATOM', value });
    const use = [atom('USE'), [atom(specialUse)]];
    (await hooks.exec('CREATE', [atom(encodePath(client, path)), use])).next();
    await client.mailboxSubscribe(path);
    return true;
  });
  if (!made) throw new ProviderError('exists', 'There is a folder of this name already.');
  return listed(client, path, timings, signal);
}

/** RENAME (RFC 9051 6.3.6): what is below the folder goes with it. */
export async function renameFolder(
  client: ImapFlow,
  path: string,
  to: FolderName,
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<RemoteFolder[]> {
  const renamed = pathOf(client, to);
  await withDeadline(client, timings.command, signal, 'RENAME', () => client.mailboxRename(path, renamed));
  // Subscriptions are kept by name (RFC 9051 6.3.7); a server that refuses this has renamed all the same.
  await withDeadline(client, timings.command, signal, 'SUBSCRIBE', async () => {
    await client.mailboxSubscribe(renamed);
    await client.mailboxUnsubscribe(path);
  });
  return listed(client, renamed, timings, signal);
}

/** DELETE (RFC 9051 6.3.5). */
export async function deleteFolder(
  client: ImapFlow,
  path: string,
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<void> {
  await withDeadline(client, timings.command, signal, 'DELETE', () => client.mailboxDelete(path));
}

function pathOf(client: ImapFlow, { parentPath, name }: FolderName): string {
  const { prefix = '', delimiter = DEFAULT_DELIMITER } = client.namespace || {};
  if (parentPath !== null) return `${parentPath}${delimiter || DEFAULT_DELIMITER}${name}`;
  return prefix && !name.startsWith(prefix) ? `${prefix}${name}` : name;
}

/** The folder and those above it, topmost first, as the server lists them now. */
async function listed(
  client: ImapFlow,
  path: string,
  timings: ImapTimings,
  signal: AbortSignal,
): Promise<RemoteFolder[]> {
  const folders = await listFolders(client, timings, signal, { known: [path], withStatus: false });
  const byPath = new Map(folders.map((folder) => [folder.path, folder]));
  const chain: RemoteFolder[] = [];
  for (let at = byPath.get(path); at && !chain.includes(at); at = byPath.get(at.parentPath ?? ''))
    chain.unshift(at);
  if (chain.length > 0) return chain;
  throw new ProviderError('protocol', 'The server says that it is done, and does not list the folder.');
}
