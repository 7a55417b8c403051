import { ApiError } from '../platform/errors.ts';
import { providerFailure } from '../platform/provider-failure.ts';
import type { Mailbox } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import type { Database } from '../store/database.ts';
import { listFolders } from '../store/folders.ts';
import { type Found, messagesAt } from '../store/locations.ts';
import type { Scope } from '../store/scope.ts';

/** A search of all folders may take this long, in ms; below the 90 s after which the SDK hangs up. */
const SEARCH_TIMEOUT_MS = 60_000;

/** Of each folder the newest of the finds are taken, so many at most. */
const MAX_FINDS_PER_FOLDER = 5_000;

export interface SearchContext {
  db: Database;
  /** The mailbox of a grant; `release` is called when the search is over. Null: the grant is gone. */
  mailbox(scope: Scope): Promise<{ mailbox: Mailbox; release: () => Promise<void> } | null>;
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
  const opened = await ctx.mailbox(scope);
  if (!opened) throw new ApiError('api.not_found_error', 'The grant is gone.');
  const signal = AbortSignal.timeout(SEARCH_TIMEOUT_MS);
  const found: Found[] = [];
  try {
    for (const folder of folders) {
      const { uidValidity, uids } = await opened.mailbox.search(folder.path, query, signal);
      if (uids.length > 0)
        found.push({ folderId: folder.id, uidValidity, uids: uids.slice(-MAX_FINDS_PER_FOLDER) });
    }
  } catch (error) {
    if (signal.aborted) {
      throw providerFailure(
        new ProviderError(
          'network',
          `The search did not finish in ${SEARCH_TIMEOUT_MS / 1000} s; name a folder with in=.`,
        ),
      );
    }
    throw error instanceof ProviderError ? providerFailure(error) : error;
  } finally {
    await opened.release();
  }
  return ctx.db.tenant(scope.applicationId, (sql) => messagesAt(sql, scope, found));
}
