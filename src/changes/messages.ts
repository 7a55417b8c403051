import { ApiError, invalidRequest, notFound } from '../platform/errors.ts';
import type { Mailbox } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import { withMailbox } from '../providers/with-mailbox.ts';
import { anyMessageExists, findCopies, messagesOfThread } from '../store/changes.ts';
import { type FolderRow, listFolders } from '../store/folders.ts';
import type { Scope } from '../store/scope.ts';
import { signal as tell } from '../store/signals.ts';
import type { ChangeContext } from './context.ts';
import { assertHardDelete } from './hard-delete.ts';
import { whileHolding } from './hold-messages.ts';
import { type Performed, perform } from './perform.ts';
import { planChange, type Wanted } from './plan.ts';
import { recordChange } from './record.ts';
import { trashFolder } from './trash.ts';

/** What a caller may change of a message; what is absent stays. */
export interface MessageChange {
  unread?: boolean;
  starred?: boolean;
  /** All folders that the message is to lie in, by id. */
  folders?: string[];
  metadata?: Record<string, string>;
}

/** A change may take this long in all, in ms, waiting for others included; below the 90 s after which the SDK hangs up. */
const CHANGE_TIMEOUT_MS = 80_000;
/** A mail that has moved at the provider is looked for so often, and waited for this long, in ms, then twice, four times… */
const CATCH_UP_TRIES = 6;
/** One that lies nowhere any more, as far as we know, is most likely gone: others may wait for this answer. */
const NOWHERE_TRIES = 4;
const CATCH_UP_MS = 100;

/**
 * Changes one message at the provider and in the store; returns when the provider has accepted it. Throws 404 for a
 * message that is not there, 400 for folders that are none, and the provider's refusal, after which all is as before.
 */
export async function updateMessage(
  ctx: ChangeContext,
  scope: Scope,
  messageId: string,
  change: MessageChange,
): Promise<void> {
  await assertMessage(ctx, scope, messageId);
  await changeMessages(ctx, scope, [messageId], change);
}

/** Moves a message to Trash, or removes it for good where the operator allows that. */
export async function deleteMessage(
  ctx: ChangeContext,
  scope: Scope,
  messageId: string,
  hard: boolean,
): Promise<void> {
  await assertMessage(ctx, scope, messageId);
  await discard(ctx, scope, [messageId], hard);
}

/** Moves messages into one folder, and out of all others. Throws 404 when none of them is there any more. */
export async function moveMessages(
  ctx: ChangeContext,
  scope: Scope,
  messageIds: string[],
  folderId: string,
): Promise<void> {
  await changeMessages(ctx, scope, messageIds, { folders: [folderId] });
}

/** Changes every message of a thread. Drafts stay in their folder: moved away they would be drafts no more. */
export async function updateThread(
  ctx: ChangeContext,
  scope: Scope,
  threadId: string,
  change: MessageChange,
): Promise<void> {
  const all = await ctx.db.tenant(scope.applicationId, (sql) => messagesOfThread(sql, scope, threadId));
  if (all.length === 0) throw notFound();
  const drafts = new Set(all.filter((m) => m.draft).map((m) => m.id));
  await changeMessages(
    ctx,
    scope,
    all.map((m) => m.id),
    change,
    { stay: drafts },
  );
}

/** Moves a thread to Trash, drafts included, or removes it for good where the operator allows that. */
export async function deleteThread(
  ctx: ChangeContext,
  scope: Scope,
  threadId: string,
  hard: boolean,
): Promise<void> {
  const all = await ctx.db.tenant(scope.applicationId, (sql) => messagesOfThread(sql, scope, threadId));
  if (all.length === 0) throw notFound();
  await discard(
    ctx,
    scope,
    all.map((m) => m.id),
    hard,
  );
}

async function assertMessage(ctx: ChangeContext, scope: Scope, id: string): Promise<void> {
  if (!(await anyExists(ctx, scope, [id]))) throw notFound();
}

function anyExists(ctx: ChangeContext, scope: Scope, ids: string[]): Promise<boolean> {
  return ctx.db.tenant(scope.applicationId, (sql) => anyMessageExists(sql, scope, ids));
}

async function discard(ctx: ChangeContext, scope: Scope, ids: string[], hard: boolean): Promise<void> {
  if (hard) {
    assertHardDelete(ctx);
    return changeMessages(ctx, scope, ids, {}, { remove: true });
  }
  const trash = await trashFolder(ctx, scope);
  return changeMessages(ctx, scope, ids, { folders: [trash] });
}

async function changeMessages(
  ctx: ChangeContext,
  scope: Scope,
  ids: string[],
  change: MessageChange,
  how: { remove?: boolean; stay?: ReadonlySet<string> } = {},
): Promise<void> {
  const folders = await ctx.db.tenant(scope.applicationId, (sql) => listFolders(sql, scope));
  if (change.folders) checkTarget(change.folders, folders);
  if (change.folders?.length === 0) throw invalidRequest('folders', 'Removing all folders is not allowed.');
  const wanted = wantedOf(change, how);
  if (!wanted) {
    if (change.metadata)
      await recordChange(ctx, scope, ids, { flags: [], landed: [], left: [] }, change.metadata);
    return;
  }
  const make = async (mailbox: Mailbox, signal: AbortSignal) => {
    for (let tries = 1; ; tries += 1) {
      const outcome = await attempt(ctx, scope, mailbox, ids, wanted, change, signal);
      if (outcome === 'done') return;
      const most = outcome === 'nowhere' ? NOWHERE_TRIES : CATCH_UP_TRIES;
      if (tries >= most || !(await anyExists(ctx, scope, ids)))
        throw outcome === 'nowhere' ? gone() : outcome;
      // Not where the store has it: another client was there, and the sync will soon know what it has done.
      await ctx.db.tenant(scope.applicationId, (sql) => tell(sql, 'mailquay_looks', scope.grantId));
      await new Promise((resolve) => setTimeout(resolve, CATCH_UP_MS * 2 ** (tries - 1)));
    }
  };
  const start = performance.now();
  await whileHolding(ctx, scope, ids, () => {
    const timeoutMs = Math.round(CHANGE_TIMEOUT_MS - (performance.now() - start));
    return withMailbox(() => ctx.mailbox(scope), make, { timeoutMs, repeatable: true });
  });
}

/** One try; comes back with an error, rather than throws it, when things are not where the store has them. */
async function attempt(
  ctx: ChangeContext,
  scope: Scope,
  mailbox: Mailbox,
  ids: string[],
  wanted: Wanted,
  change: MessageChange,
  signal: AbortSignal,
): Promise<'done' | 'nowhere' | Error> {
  const { copies, folders } = await ctx.db.tenant(scope.applicationId, async (sql) => ({
    copies: await findCopies(sql, scope, ids),
    folders: await listFolders(sql, scope),
  }));
  if (change.folders) checkTarget(change.folders, folders);
  if (copies.length === 0) return 'nowhere';
  const { labels } = await mailbox.traits(signal);
  const works = [...planChange(copies, wanted, folders, labels).values()];
  const pathOf = (id: string) => (folders.find((f) => f.id === id) as FolderRow).path;
  let performed: Performed;
  try {
    performed = await perform(mailbox, works, pathOf, signal);
  } catch (error) {
    if (error instanceof ProviderError && (error.kind === 'changed' || error.kind === 'no_folder'))
      return error;
    throw error;
  }
  if (performed.flags.length === 0) return gone();
  await recordChange(ctx, scope, ids, performed, change.metadata ?? null);
  if (performed.landed.some((copy) => copy.uid === null))
    await ctx.db.tenant(scope.applicationId, (sql) => tell(sql, 'mailquay_looks', scope.grantId));
  return 'done';
}

function gone(): ApiError {
  return new ApiError('api.not_found_error', 'The message is no longer at the mail provider.');
}

function wantedOf(
  change: MessageChange,
  { remove = false, stay = new Set() }: { remove?: boolean; stay?: ReadonlySet<string> },
): Wanted | null {
  const { unread, starred, folders } = change;
  const flags =
    unread === undefined && starred === undefined
      ? null
      : {
          ...(unread === undefined ? {} : { seen: !unread }),
          ...(starred === undefined ? {} : { flagged: starred }),
        };
  if (!flags && !folders && !remove) return null;
  return { flags, folderIds: folders ? [...new Set(folders)] : null, remove, stay };
}

function checkTarget(ids: string[], folders: FolderRow[]): void {
  for (const [i, id] of ids.entries()) {
    const folder = folders.find((f) => f.id === id);
    if (!folder) throw invalidRequest(`folders[${i}]`, 'is not the id of a folder of this grant');
    if (!folder.selectable)
      throw invalidRequest(`folders[${i}]`, 'is a folder that holds other folders only, and no messages');
  }
}
