import type { FolderRow } from '../store/folders.ts';
import { listFolders } from '../store/folders.ts';
import type { Scope } from '../store/scope.ts';
import type { ChangeContext } from './context.ts';
import { whileHeld } from './hold-folders.ts';
import { recordCreated } from './record-folders.ts';

const TRASH_NAME = 'Trash';

/** The id of the mailbox's Trash; one is made where there is none, so that deleting never means losing. */
export async function trashFolder(ctx: ChangeContext, scope: Scope): Promise<string> {
  const folders = await ctx.db.tenant(scope.applicationId, (sql) => listFolders(sql, scope));
  const found = folders.find(isTrash) ?? folders.find((f) => f.selectable && /^trash$/i.test(f.name));
  if (found) return found.id;
  const created = await whileHeld(ctx, scope, (mailbox, signal) =>
    mailbox.createFolder({ parentPath: null, name: TRASH_NAME }, '\\Trash', signal),
  );
  return recordCreated(ctx, scope, created);
}

function isTrash(folder: FolderRow): boolean {
  return folder.specialUse === '\\Trash' && folder.selectable;
}
