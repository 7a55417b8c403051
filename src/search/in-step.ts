import type { Mailbox } from '../providers/provider.ts';
import { withMailbox } from '../providers/with-mailbox.ts';
import { listFolders } from '../store/folders.ts';
import { newestCopies } from '../store/locations.ts';
import type { Scope } from '../store/scope.ts';
import { signal as tell } from '../store/signals.ts';
import type { SearchContext } from './native.ts';

/** So many of the newest mails of the folder are compared. */
const COMPARED = 200;
/** The server may take this long to say what it has, in ms. */
const SEARCH_TIMEOUT_MS = 30_000;
/** The sync is waited for this long, in ms, and asked this often; what takes longer, such as a first sync, is not. */
const MAX_WAIT_MS = 3_000;
const STEP_MS = 100;

/**
 * Asks the server which mails are the newest in a folder, and waits until the store has just these: what is read from the
 * store next is what the server has. Fails as the provider does, for the caller to read.
 */
export async function bringInStep(ctx: SearchContext, scope: Scope, folderId: string): Promise<void> {
  const { folder, before } = await ctx.db.tenant(scope.applicationId, async (sql) => ({
    folder: (await listFolders(sql, scope)).find(({ id }) => id === folderId),
    before: await newestCopies(sql, scope, folderId, COMPARED),
  }));
  if (!folder?.selectable) return;
  const from = before.at(-1)?.uid ?? 1;
  const ask = (mailbox: Mailbox, signal: AbortSignal) => mailbox.search(folder.path, `UID ${from}:*`, signal);
  const use = { timeoutMs: SEARCH_TIMEOUT_MS, repeatable: true };
  const { uidValidity, uids } = await withMailbox(() => ctx.mailbox(scope), ask, use);
  // RFC 9051 9: `n:*` names the last mail also when its UID is below n.
  const newest = uids.filter((uid) => uid >= from).slice(-COMPARED);
  const lowest = newest.length === COMPARED ? (newest[0] as number) : from;
  const there = new Set(newest.map((uid) => `${uidValidity} ${uid}`));
  const inStep = (copies: typeof before) => {
    const here = copies.filter(({ uid }) => uid >= lowest).map((c) => `${c.uidValidity} ${c.uid}`);
    return here.length === there.size && here.every((copy) => there.has(copy));
  };
  let copies = before;
  for (const start = performance.now(); !inStep(copies) && performance.now() - start < MAX_WAIT_MS; ) {
    await ctx.db.tenant(scope.applicationId, (sql) => tell(sql, 'mailquay_looks', scope.grantId));
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    copies = await ctx.db.tenant(scope.applicationId, (sql) => newestCopies(sql, scope, folderId, COMPARED));
  }
}
