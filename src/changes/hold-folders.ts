import type { Mailbox } from '../providers/provider.ts';
import type { Scope } from '../store/scope.ts';
import { holdFolders, releaseFolders } from '../store/sync-states.ts';
import type { ChangeContext } from './context.ts';
import { withMailbox } from './with-mailbox.ts';

/** A change of folders may take this long, in ms, and the sync waits a little longer before it believes what it sees. */
const FOLDER_CHANGE_MS = 25_000;
const HOLD_MS = 30_000;

/**
 * Changes folders at the provider while the sync waits: seeing a rename before the store knows of it, it would take
 * the folder for a new one. What is written afterwards (record-folders.ts) ends the hold; so does a failure.
 */
export async function whileHeld<T>(
  ctx: ChangeContext,
  scope: Scope,
  work: (mailbox: Mailbox, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { applicationId } = scope;
  const until = new Date(ctx.clock().getTime() + HOLD_MS);
  await ctx.db.tenant(applicationId, (sql) => holdFolders(sql, scope, until));
  try {
    return await withMailbox(ctx, scope, work, FOLDER_CHANGE_MS);
  } catch (error) {
    await ctx.db.tenant(applicationId, (sql) => releaseFolders(sql, scope, null));
    throw error;
  }
}
