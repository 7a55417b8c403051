import type { FolderRow } from '../store/folders.ts';
import { listFolders } from '../store/folders.ts';
import type { Scope } from '../store/scope.ts';
import type { ChangeContext } from './context.ts';
import { whileHeld } from './hold-folders.ts';
import { recordCreated } from './record-folders.ts';

const TRASH_NAME = 'Trash';

/** The id of the mailbox's Trash; one is made where there is none, so that deleting never means losing. */
export async function trashFolder(ctx: ChangeContext, scope: Scope): Promise<string> {
  const known = await ctx.db.tenant(scope.applicationId, (sql) => listFolders(sql, scope));
  const found = trashAmong(known);
  if (found) return found.id;
  const plan = (folders: FolderRow[]) => ({ made: trashAmong(folders) });
  const id = await whileHeld(ctx, scope, plan, async ({ made }, atProvider) => {
    // Somebody else may have made it while we waited.
    if (made) return made.id;
    const at = { parentPath: null, name: TRASH_NAME };
    const chain = await atProvider((mailbox, signal) => mailbox.createFolder(at, '\\Trash', signal));
    return recordCreated(ctx, scope, chain);
  });
  return id as string;
}

/** The Trash of these folders: the one that the provider calls so, else one of that name. */
export function trashAmong(folders: FolderRow[]): FolderRow | undefined {
  return (
    folders.find((f) => f.specialUse === '\\Trash' && f.selectable) ??
    folders.find((f) => f.selectable && /^trash$/i.test(f.name))
  );
}
