import { invalidRequest, notFound } from '../platform/errors.ts';
import { type FolderName, type Mailbox, ProviderError } from '../providers/provider.ts';
import { type FolderRow, listFolders } from '../store/folders.ts';
import type { Scope } from '../store/scope.ts';
import type { ChangeContext } from './context.ts';
import { emptyIntoTrash } from './empty-folder.ts';
import { assertHardDelete } from './hard-delete.ts';
import { whileHeld } from './hold-folders.ts';
import { recordCreated, recordDeleted, recordRenamed } from './record-folders.ts';
import { trashAmong } from './trash.ts';

/** Folders without which a mailbox does not work. */
const NEEDED = new Set<string | null>(['\\Inbox', '\\Sent', '\\Drafts', '\\Trash', '\\Junk', '\\All']);

/** Makes a folder at the provider and in the store; a delimiter in the name makes it a child. Returns its id. */
export async function createFolder(
  ctx: ChangeContext,
  scope: Scope,
  wanted: { name: string; parentId: string | null },
): Promise<string> {
  const plan = (folders: FolderRow[]): FolderName => {
    const parent = wanted.parentId === null ? null : parentOf(folders, wanted.parentId);
    checkName(wanted.name, delimiterOf(folders, parent));
    return { parentPath: parent?.path ?? null, name: wanted.name };
  };
  const id = await whileHeld(ctx, scope, plan, async (at, atProvider) => {
    const chain = await atProvider((mailbox, signal) => mailbox.createFolder(at, null, signal));
    return recordCreated(ctx, scope, chain);
  });
  return id as string;
}

/**
 * Renames a folder or moves it below another (`parentId`; null: to the top), with all that is in it and below it. A
 * name with a delimiter is the whole name as `name` shows it; one without is the folder's own, below its parent.
 */
export async function updateFolder(
  ctx: ChangeContext,
  scope: Scope,
  folderId: string,
  change: { name?: string; parentId?: string | null },
): Promise<void> {
  const plan = (folders: FolderRow[]) => {
    const folder = known(folders, folderId);
    const to = target(folders, folder, change);
    if (to && NEEDED.has(folder.specialUse))
      throw invalidRequest('name', 'this is a system folder, which cannot be renamed or moved');
    return to && { folder, to };
  };
  await whileHeld(ctx, scope, plan, async ({ folder, to }, atProvider) => {
    const chain = await atProvider((mailbox, signal) => mailbox.renameFolder(folder.path, to, signal));
    await recordRenamed(ctx, scope, folder, chain);
  });
}

/**
 * Deletes a folder. Mail that lies only in it goes to Trash first, or is removed for good where the operator allows that.
 * A folder that has others below it is refused, and so is a system folder; a refusal leaves all as it was.
 */
export async function deleteFolder(
  ctx: ChangeContext,
  scope: Scope,
  folderId: string,
  hard: boolean,
): Promise<void> {
  if (hard) assertHardDelete(ctx);
  const plan = (folders: FolderRow[]) => {
    const folder = known(folders, folderId);
    if (NEEDED.has(folder.specialUse) || folder.id === trashAmong(folders)?.id)
      throw invalidRequest('id', 'this is a system folder, which cannot be deleted');
    if (folders.some((f) => f.parentId === folderId))
      throw invalidRequest('id', 'this folder has folders below it; delete those first');
    return folder;
  };
  const found = plan(await ctx.db.tenant(scope.applicationId, (sql) => listFolders(sql, scope)));
  const putBack = hard ? async () => {} : await emptyIntoTrash(ctx, scope, found);
  try {
    await whileHeld(ctx, scope, plan, async (folder, atProvider) => {
      await atProvider((mailbox, signal) => deleteThere(mailbox, folder.path, signal));
      await recordDeleted(ctx, scope, folder, hard);
    });
  } catch (error) {
    // The refusal is what the caller must hear; what cannot be put back lies in Trash.
    await putBack().catch(() => {});
    throw error;
  }
}

async function deleteThere(mailbox: Mailbox, path: string, signal: AbortSignal): Promise<void> {
  try {
    await mailbox.deleteFolder(path, signal);
  } catch (error) {
    // Somebody else was faster.
    if (!(error instanceof ProviderError) || error.kind !== 'no_folder') throw error;
  }
}

function known(folders: FolderRow[], id: string): FolderRow {
  const folder = folders.find((f) => f.id === id);
  if (!folder) throw notFound();
  return folder;
}

/** Where the folder is to be; null when that is where it is. */
function target(
  folders: FolderRow[],
  folder: FolderRow,
  change: { name?: string; parentId?: string | null },
): FolderName | null {
  const current = folders.find((f) => f.id === folder.parentId) ?? null;
  const delimiter = delimiterOf(folders, folder);
  const leaf = folder.delimiter ? (folder.path.split(folder.delimiter).at(-1) as string) : folder.path;
  const name = change.name ?? leaf;
  checkName(name, delimiter);
  if (change.parentId !== undefined) {
    const parent = change.parentId === null ? null : parentOf(folders, change.parentId);
    for (let at = parent; at; at = folders.find((f) => f.id === at?.parentId) ?? null)
      if (at.id === folder.id) throw invalidRequest('parent_id', 'is the folder itself or one below it');
    if (parent?.id === current?.id && name === leaf) return null;
    return { parentPath: parent?.path ?? null, name };
  }
  if (name === leaf || name === folder.path) return null;
  const whole = delimiter !== null && name.includes(delimiter);
  return { parentPath: whole ? null : (current?.path ?? null), name };
}

function parentOf(folders: FolderRow[], id: string): FolderRow {
  const parent = folders.find((f) => f.id === id);
  if (!parent) throw invalidRequest('parent_id', 'is not the id of a folder of this grant');
  return parent;
}

function delimiterOf(folders: FolderRow[], near: FolderRow | null): string | null {
  return near?.delimiter ?? folders.find((f) => f.delimiter !== null)?.delimiter ?? null;
}

const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

/** RFC 9051 5.1: no control characters, and every level has a name. */
function checkName(name: string, delimiter: string | null): void {
  if (CONTROL.test(name)) throw invalidRequest('name', 'must not contain control characters');
  const levels = delimiter ? name.split(delimiter) : [name];
  if (levels.some((level) => level.trim() === '')) {
    throw invalidRequest(
      'name',
      delimiter ? `must have a name on each side of every "${delimiter}"` : 'must not be empty',
    );
  }
}
