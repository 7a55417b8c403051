import { faultPoint } from '../platform/fault-point.ts';
import type { RemoteFolder } from '../providers/provider.ts';
import { nextChangeIds } from '../store/changes.ts';
import type { Sql } from '../store/database.ts';
import { insertEvents, type NewEvent } from '../store/events.ts';
import { listCursors } from '../store/folder-cursors.ts';
import {
  deleteRetiredFolders,
  type FolderRow,
  freePaths,
  listFolders,
  type NewFolder,
  retiredFolderIds,
  retireFolders,
  upsertFolders,
} from '../store/folders.ts';
import { markFolderGone, removeFolderCopies, removeSpareCopies } from '../store/locations.ts';
import type { Scope } from '../store/scope.ts';
import { signal } from '../store/signals.ts';
import { noteFolderChange } from '../store/sync-states.ts';
import { deleteWhatIsNowhere } from '../sync/apply-gone.ts';
import { clean, newFolder, newFolderId } from '../sync/folder-tree.ts';
import { type Changes, inTransaction } from '../sync/transaction.ts';
import type { ChangeContext } from './context.ts';
import { changeWriter } from './record.ts';

/** Writes a folder that the provider has made, with those above it that are new; returns its id. */
export async function recordCreated(
  ctx: ChangeContext,
  scope: Scope,
  chain: RemoteFolder[],
): Promise<string> {
  return recordFolders(ctx, scope, async (sql) => {
    const stored = await listFolders(sql, scope);
    const ids = new Map(stored.map((f) => [f.path, f.id]));
    const used = new Set([...ids.values(), ...(await retiredFolderIds(sql, scope))]);
    const fresh = chain.filter((f) => !ids.has(f.path));
    for (const folder of fresh) {
      const id = newFolderId(scope.grantId, folder.path, used);
      used.add(id);
      ids.set(folder.path, id);
    }
    const rows = fresh.map((folder) => newFolder(folder, ids));
    await upsertFolders(sql, scope, rows, ctx.clock());
    await insertEvents(
      sql,
      scope,
      rows.map((row) => eventOf('folder.created', row)),
    );
    return ids.get((chain.at(-1) as RemoteFolder).path) as string;
  });
}

/** Writes that the provider has renamed a folder: it and all below it keep their ids. */
export async function recordRenamed(
  ctx: ChangeContext,
  scope: Scope,
  before: FolderRow,
  chain: RemoteFolder[],
): Promise<void> {
  const renamed = chain.at(-1) as RemoteFolder;
  if (chain.length > 1) await recordCreated(ctx, scope, chain.slice(0, -1));
  await recordFolders(ctx, scope, async (sql) => {
    const stored = await listFolders(sql, scope);
    const ids = new Map(stored.map((f) => [f.path, f.id]));
    // The sync has taken it for a new one, after a hold that was too short.
    if (!stored.some((f) => f.id === before.id)) return;
    const below = before.delimiter ? `${before.path}${before.delimiter}` : null;
    const parentId = (renamed.parentPath && ids.get(renamed.parentPath)) || null;
    const rows = stored.flatMap((folder): NewFolder[] => {
      if (folder.id === before.id) {
        const attributes = renamed.specialUse ? [renamed.specialUse] : [];
        const { path, specialUse } = renamed;
        return [{ ...folder, path, name: clean(renamed.name), parentId, specialUse, attributes }];
      }
      if (below === null || !folder.path.startsWith(below)) return [];
      const path = `${renamed.path}${folder.path.slice(before.path.length)}`;
      return [{ ...folder, path, name: clean(path) }];
    });
    // What has one of these names in the store has lost it at the provider: the sync will find out where it went.
    const names = new Set(rows.map((row) => row.path));
    const ours = new Set(rows.map((row) => row.id));
    const others = stored.filter((f) => names.has(f.path) && !ours.has(f.id));
    await freePaths(sql, scope, [...ours, ...others.map((f) => f.id)]);
    await upsertFolders(sql, scope, rows, ctx.clock());
    await insertEvents(
      sql,
      scope,
      rows.map((row) => eventOf('folder.updated', row)),
    );
  });
}

/**
 * Writes that the provider has deleted a folder. Mail that lies elsewhere too is shown to lie only there; the rest is gone
 * when that was wanted (`withMail`), and else follows when the sync has not found it elsewhere.
 */
export async function recordDeleted(
  ctx: ChangeContext,
  scope: Scope,
  folder: FolderRow,
  withMail: boolean,
): Promise<void> {
  await recordFolders(ctx, scope, async (sql, changes) => {
    const stored = await listFolders(sql, scope);
    if (!stored.some((f) => f.id === folder.id)) return;
    const now = ctx.clock();
    const history = (await listCursors(sql, scope)).some((cursor) => cursor.backfillUid > 1);
    await retireFolders(sql, scope, [folder.id], now);
    await markFolderGone(sql, scope, folder.id, null, history ? 'held' : now);
    changes.removed(await removeSpareCopies(sql, scope, folder.id));
    if (withMail) {
      const removed = await removeFolderCopies(sql, scope, folder.id);
      changes.removed(removed);
      await deleteWhatIsNowhere(sql, scope, [...new Set(removed.map((copy) => copy.messageId))], changes);
    }
    await deleteRetiredFolders(sql, scope);
    await insertEvents(sql, scope, [eventOf('folder.deleted', folder)]);
    await signal(sql, 'mailquay_looks', scope.grantId);
  });
}

/** A change of folders in the store, which no listing from before it undoes. */
function recordFolders<T>(
  ctx: ChangeContext,
  scope: Scope,
  work: (sql: Sql, changes: Changes) => Promise<T>,
): Promise<T> {
  return inTransaction(changeWriter(ctx, scope), async (sql, changes) => {
    const [changeId = 0] = await nextChangeIds(sql, 1);
    await noteFolderChange(sql, scope, changeId);
    const result = await work(sql, changes);
    await faultPoint('change.before_folder_commit');
    return result;
  });
}

function eventOf(type: NewEvent['type'], folder: NewFolder): NewEvent {
  return { type, objectId: folder.id, data: { name: folder.name, attributes: folder.attributes } };
}
