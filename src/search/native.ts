import { type Mailbox, ProviderError } from '../providers/provider.ts';
import { type LentMailbox, withMailbox } from '../providers/with-mailbox.ts';
import type { Database } from '../store/database.ts';
import { type FolderRow, listFolders } from '../store/folders.ts';
import { type Found, messagesAt } from '../store/locations.ts';
import type { Scope } from '../store/scope.ts';

/** A search of all folders may take this long, in ms; below the 90 s after which the SDK hangs up. */
const SEARCH_TIMEOUT_MS = 60_000;

/** Of each folder the newest of the finds are taken, so many at most. */
const MAX_FINDS_PER_FOLDER = 5_000;

export interface SearchContext {
  db: Database;
  /** The mailbox of a grant; `release` is called when the search is over. Null: the grant is gone. */
  mailbox(scope: Scope): Promise<LentMailbox | null>;
}

/**
 * Asks the provider, in its own query language, in these folders (null: in all), and returns the ids of the stored
 * messages that it finds. A query that cannot be read is a 400 that says where; what the sync has not read yet is
 * not among the results.
 */
export async function searchNative(
  ctx: SearchContext,
  scope: Scope,
  query: string,
  folderIds: string[] | null,
): Promise<string[]> {
  const folders = (await ctx.db.tenant(scope.applicationId, (sql) => listFolders(sql, scope))).filter(
    (folder) => folder.selectable && (folderIds?.includes(folder.id) ?? true),
  );
  const search = (mailbox: Mailbox, signal: AbortSignal) => searchFolders(mailbox, folders, query, signal);
  const found = await withMailbox(() => ctx.mailbox(scope), search, {
    timeoutMs: SEARCH_TIMEOUT_MS,
    repeatable: true,
    advice: 'Name a folder with in=.',
  });
  return ctx.db.tenant(scope.applicationId, (sql) => messagesAt(sql, scope, found));
}

async function searchFolders(
  mailbox: Mailbox,
  folders: FolderRow[],
  query: string,
  signal: AbortSignal,
): Promise<Found[]> {
  const found: Found[] = [];
  for (const { id, path } of folders) {
    try {
      const { uidValidity, uids } = await mailbox.search(path, query, signal);
      if (uids.length > 0) found.push({ folderId: id, uidValidity, uids: uids.slice(-MAX_FINDS_PER_FOLDER) });
    } catch (error) {
      // A folder that has just been deleted holds nothing.
      if (!(error instanceof ProviderError) || error.kind !== 'no_folder') throw error;
    }
  }
  return found;
}
