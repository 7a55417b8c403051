import { invalidRequest } from '../../platform/errors.ts';
import { bringInStep } from '../../search/in-step.ts';
import { type SearchContext, searchNative } from '../../search/native.ts';
import type { Sql } from '../../store/database.ts';
import type { Scope } from '../../store/scope.ts';
import { checkFolders } from './folders.ts';

/** What of a list's query concerns a search that the provider answers. */
interface NativeQuery {
  search_query_native?: string;
  query_imap?: boolean;
  in?: string[];
  metadata_pair?: string[];
}

/**
 * The ids that the provider finds; undefined when it is not asked for any. With `query_imap` the folder is first brought
 * in step with the server. Refuses combinations that the contract does not
 * have (1.5, 5.2) and folders that are none before anybody is dialled.
 */
export async function foundByProvider(
  search: SearchContext,
  query: NativeQuery,
  inGrant: <T>(work: (sql: Sql, scope: Scope) => Promise<T>) => Promise<T>,
): Promise<string[] | undefined> {
  const native = query.search_query_native;
  if (query.query_imap && query.in?.length !== 1)
    throw invalidRequest('in', 'must be the id of one folder when query_imap is true');
  if (query.metadata_pair && (native !== undefined || query.query_imap)) {
    const other = native !== undefined ? 'search_query_native' : 'query_imap';
    throw invalidRequest('metadata_pair', `cannot be combined with ${other}`);
  }
  if (native === undefined && !query.query_imap) return undefined;
  const scope = await inGrant(async (sql, within) => {
    if (query.in) await checkFolders(sql, within, query.in);
    return within;
  });
  if (query.query_imap) await bringInStep(search, scope, query.in?.[0] as string);
  return native === undefined ? undefined : searchNative(search, scope, native, query.in ?? null);
}
