import { ApiError } from '../platform/errors.ts';
import { type EditableFolder, type Landed, type Mailbox, ProviderError } from '../providers/provider.ts';
import { withMailbox } from '../providers/with-mailbox.ts';
import { type LoneCopy, loneCopies } from '../store/changes.ts';
import { type FolderRow, listFolders } from '../store/folders.ts';
import { uidsInRanges } from '../store/locations.ts';
import type { Scope } from '../store/scope.ts';
import type { ChangeContext } from './context.ts';
import { moveMessages } from './messages.ts';
import { trashFolder } from './trash.ts';

/** Messages that are moved in one change. */
const BATCH = 500;
/** Moving mail that the store does not know yet may take this long, in ms. */
const SWEEP_TIMEOUT_MS = 80_000;
/** RFC 9051 2.3.1.1. */
const MAX_UID = 0xffff_ffff;

/** Puts back what has been moved, as far as it is still where it went. */
export type PutBack = () => Promise<void>;

/**
 * Moves to Trash what lies in a folder and nowhere else, so that deleting the folder loses no mail: what the store knows,
 * then what only the server knows yet. Nothing where folders are labels: there a message outlives each of them.
 */
export async function emptyIntoTrash(ctx: ChangeContext, scope: Scope, folder: FolderRow): Promise<PutBack> {
  const undo: PutBack[] = [];
  const putBack = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    if (!folder.selectable || (await hasLabels(ctx, scope))) return putBack;
    await moveKnown(ctx, scope, folder, undo);
    await moveUnknown(ctx, scope, folder, undo);
    return putBack;
  } catch (error) {
    await putBack().catch(() => {});
    throw error;
  }
}

function hasLabels(ctx: ChangeContext, scope: Scope): Promise<boolean> {
  return withMailbox(
    () => ctx.mailbox(scope),
    async (mailbox, signal) => (await mailbox.traits(signal)).labels,
    { timeoutMs: SWEEP_TIMEOUT_MS, repeatable: true },
  );
}

async function moveKnown(
  ctx: ChangeContext,
  scope: Scope,
  folder: FolderRow,
  undo: PutBack[],
): Promise<void> {
  const next = (after: LoneCopy | null) =>
    ctx.db.tenant(scope.applicationId, (sql) => loneCopies(sql, scope, folder.id, after, BATCH));
  for (let copies = await next(null); copies.length > 0; copies = await next(copies.at(-1) as LoneCopy)) {
    const ids = [...new Set(copies.map((copy) => copy.messageId))];
    const trash = await trashFolder(ctx, scope);
    await unlessGone(moveMessages(ctx, scope, ids, trash));
    undo.push(() => unlessGone(moveMessages(ctx, scope, ids, folder.id)));
  }
}

/** Others may have taken all of them away meanwhile. */
async function unlessGone(moved: Promise<void>): Promise<void> {
  await moved.catch((error) => {
    if (!(error instanceof ApiError) || error.type !== 'api.not_found_error') throw error;
  });
}

async function moveUnknown(
  ctx: ChangeContext,
  scope: Scope,
  folder: FolderRow,
  undo: PutBack[],
): Promise<void> {
  const atProvider = <T>(work: (mailbox: Mailbox, signal: AbortSignal) => Promise<T>) =>
    withMailbox(() => ctx.mailbox(scope), work, { timeoutMs: SWEEP_TIMEOUT_MS, repeatable: true });
  const unknown = async (mailbox: Mailbox, signal: AbortSignal) => {
    const { uidValidity, uids } = await mailbox.search(folder.path, 'ALL', signal).catch(unlessNoFolder);
    if (uids.length === 0) return [];
    const stored = await ctx.db.tenant(scope.applicationId, (sql) =>
      uidsInRanges(sql, scope, folder.id, uidValidity, [{ from: 1, to: MAX_UID }]),
    );
    const known = new Set(stored);
    return uids.filter((uid) => !known.has(uid));
  };
  if ((await atProvider(unknown)).length === 0) return;
  const trashId = await trashFolder(ctx, scope);
  const folders = await ctx.db.tenant(scope.applicationId, (sql) => listFolders(sql, scope));
  const trash = folders.find((f) => f.id === trashId) as FolderRow;
  const landed = await atProvider(async (mailbox, signal) => {
    const uids = await unknown(mailbox, signal);
    return inFolder(mailbox, folder.path, signal, (source) => move(source, uids, trash.path));
  });
  undo.push(() =>
    atProvider(async (mailbox, signal) => {
      await inFolder(mailbox, trash.path, signal, async (source) => {
        if (source.uidValidity === landed.uidValidity)
          await move(source, [...landed.uids.values()], folder.path);
      });
    }),
  );
}

/** Somebody else has deleted it. */
function unlessNoFolder(error: unknown): { uidValidity: number; uids: number[] } {
  if (error instanceof ProviderError && error.kind === 'no_folder') return { uidValidity: 0, uids: [] };
  throw error;
}

async function inFolder<T>(
  mailbox: Mailbox,
  path: string,
  signal: AbortSignal,
  work: (folder: EditableFolder) => Promise<T>,
): Promise<T> {
  const folder = await mailbox.edit(path, signal);
  try {
    return await work(folder);
  } finally {
    await folder.close();
  }
}

async function move(folder: EditableFolder, uids: number[], to: string): Promise<Landed> {
  if (folder.canMove) return folder.move(uids, to);
  const landed = await folder.copy(uids, to);
  await folder.remove(uids);
  return landed;
}
