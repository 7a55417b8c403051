import { ApiError } from '../platform/errors.ts';
import { faultPoint } from '../platform/fault-point.ts';
import type { Mailbox } from '../providers/provider.ts';
import { withMailbox } from '../providers/with-mailbox.ts';
import { type FolderRow, listFolders } from '../store/folders.ts';
import type { Scope } from '../store/scope.ts';
import { holdFolders, releaseFolders } from '../store/sync-states.ts';
import type { ChangeContext } from './context.ts';

/** A change of folders may take this long at the provider, in ms; the hold lasts longer, for what is written after it. */
const FOLDER_CHANGE_MS = 25_000;
const HOLD_MS = 30_000;
/** Who waits for another change asks this often, this long, in ms. */
const WAIT_STEP_MS = 100;
const MAX_WAIT_MS = 30_000;

/**
 * Changes the folders of a grant, one change after the other in all processes, while the sync waits: seeing a rename
 * before the store knows of it, the sync would take the folder for a new one. `plan` decides by the folders as they are
 * what is to be done (null: nothing), and throws when it may not be; it is asked before anything is held, and again.
 */
export async function whileHeld<Plan, T>(
  ctx: ChangeContext,
  scope: Scope,
  plan: (folders: FolderRow[]) => Plan | null,
  work: (
    planned: Plan,
    atProvider: <R>(change: (mailbox: Mailbox, signal: AbortSignal) => Promise<R>) => Promise<R>,
  ) => Promise<T>,
): Promise<T | null> {
  const now = () => ctx.db.tenant(scope.applicationId, (sql) => listFolders(sql, scope));
  if (plan(await now()) === null) return null;
  const until = await takeHold(ctx, scope);
  try {
    const planned = plan(await now());
    if (planned === null) return null;
    await faultPoint('change.before_folder');
    return await work(planned, (change) =>
      withMailbox(() => ctx.mailbox(scope), change, { timeoutMs: FOLDER_CHANGE_MS, repeatable: false }),
    );
  } finally {
    await ctx.db.tenant(scope.applicationId, (sql) => releaseFolders(sql, scope, until));
  }
}

async function takeHold(ctx: ChangeContext, scope: Scope): Promise<Date> {
  for (const start = performance.now(); performance.now() - start < MAX_WAIT_MS; ) {
    const now = ctx.clock();
    const until = new Date(now.getTime() + HOLD_MS);
    const held = await ctx.db.tenant(scope.applicationId, (sql) => holdFolders(sql, scope, now, until));
    if (held) return until;
    await new Promise((resolve) => setTimeout(resolve, WAIT_STEP_MS));
  }
  throw new ApiError('api.unavailable', 'Other changes of folders in this mailbox are not done yet.', {
    retryAfterSeconds: Math.ceil(HOLD_MS / 1000),
  });
}
