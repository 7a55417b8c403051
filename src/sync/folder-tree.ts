import { createHash } from 'node:crypto';
import { faultPoint } from '../platform/fault-point.ts';
import type { RemoteFolder } from '../providers/provider.ts';
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
import { countGone, markFolderGone } from '../store/locations.ts';
import { mayBelieveListing } from '../store/sync-states.ts';
import { attributesOf } from './folder-state.ts';
import { base32 } from './match.ts';
import type { Writer } from './transaction.ts';

const ID_BYTES = 10;
/** Folder names longer than this are cut in the public name; the path stays whole. */
const MAX_NAME_CHARS = 1_024;

/**
 * Brings the stored folders in step with a listing. A path that vanished while another with the same
 * UIDVALIDITY appeared is a rename: the folder keeps its id, and so do its messages. Copies in folders that are
 * gone are marked as gone, so that messages which turn up elsewhere survive; the rows follow when they are empty.
 * `mayBeInHistory`: whether a folder's mails may lie in history that is still to be read elsewhere. `seenAt`: the
 * newest change of our own when the folders were listed; null comes back, and nothing is written, when there has been
 * a newer one, or one is on its way.
 */
export async function applyFolderTree(
  writer: Writer,
  remote: RemoteFolder[],
  mayBeInHistory: (folderId: string) => boolean,
  seenAt: number,
): Promise<FolderRow[] | null> {
  const { scope } = writer;
  return writer.transact(async (sql) => {
    const now = writer.clock();
    if (!(await mayBelieveListing(sql, scope, seenAt, now))) return null;
    const stored = await listFolders(sql, scope);
    const validity = new Map((await listCursors(sql, scope)).map((c) => [c.folderId, c.uidValidity]));
    const retired = await retiredFolderIds(sql, scope);
    const ids = identify(scope.grantId, stored, retired, validity, remote);
    const byId = new Map(stored.map((f) => [f.id, f]));
    const wanted = remote.map((folder) => newFolder(folder, ids));
    const events: NewEvent[] = [];
    const changed = wanted.filter((folder) => {
      const before = byId.get(folder.id);
      if (before && sameFolder(before, folder)) return false;
      events.push({
        type: before ? 'folder.updated' : 'folder.created',
        objectId: folder.id,
        data: { name: folder.name, attributes: folder.attributes },
      });
      return true;
    });
    const kept = new Set(wanted.map((f) => f.id));
    const gone = stored.filter((f) => !kept.has(f.id));
    const appeared = wanted.some((f) => !byId.has(f.id));
    // A rename chain (a → b, b → c) must not trip over the unique path.
    await freePaths(
      sql,
      scope,
      changed.flatMap((f) => (byId.has(f.id) ? f.id : [])),
    );
    await retireFolders(
      sql,
      scope,
      gone.map((f) => f.id),
      now,
    );
    for (const folder of gone) {
      const held = appeared || mayBeInHistory(folder.id);
      await markFolderGone(sql, scope, folder.id, null, held ? 'held' : now);
      events.push({ type: 'folder.deleted', objectId: folder.id, data: { name: folder.name } });
    }
    await upsertFolders(sql, scope, changed, now);
    await deleteRetiredFolders(sql, scope);
    await insertEvents(sql, scope, events);
    await faultPoint('sync.before_tree_commit');
    return listFolders(sql, scope);
  });
}

/** The row of a listed folder; `ids` by path. */
export function newFolder(folder: RemoteFolder, ids: Map<string, string>): NewFolder {
  return {
    id: ids.get(folder.path) as string,
    path: folder.path,
    name: clean(folder.name),
    delimiter: folder.delimiter,
    parentId: (folder.parentPath && ids.get(folder.parentPath)) || null,
    remoteId: folder.remoteId,
    specialUse: folder.specialUse,
    attributes: attributesOf(folder),
    selectable: folder.selectable,
  };
}

/** True when copies wait to be settled: their folder or their UID is gone. */
export function hasGone(writer: Writer): Promise<boolean> {
  return writer.db.engine(async (sql) => (await countGone(sql, writer.scope)) > 0);
}

function identify(
  grantId: string,
  stored: FolderRow[],
  retired: string[],
  validity: Map<string, number>,
  remote: RemoteFolder[],
): Map<string, string> {
  const byPath = new Map(stored.map((f) => [f.path, f]));
  const listed = new Set(remote.map((f) => f.path));
  const lost = stored.filter((f) => !listed.has(f.path) && validity.has(f.id));
  const ids = new Map<string, string>();
  // A folder that is made anew under an old name is another folder, also while the old one's mails are settled.
  const used = new Set([...retired, ...stored.map((f) => f.id)]);
  for (const folder of remote) {
    const known = byPath.get(folder.path);
    if (known) ids.set(folder.path, known.id);
  }
  const fresh = remote.filter((f) => !ids.has(f.path));
  for (const folder of fresh) {
    const id = renamedFrom(folder, fresh, lost, validity)?.id ?? newFolderId(grantId, folder.path, used);
    used.add(id);
    ids.set(folder.path, id);
  }
  return ids;
}

/** The one vanished folder that this new one must be; null when there is none or more than one. */
function renamedFrom(
  folder: RemoteFolder,
  fresh: RemoteFolder[],
  lost: FolderRow[],
  validity: Map<string, number>,
): FolderRow | null {
  if (folder.remoteId) {
    const same = lost.find((f) => f.remoteId === folder.remoteId);
    if (same) return same;
  }
  const value = folder.status?.uidValidity;
  if (!value) return null;
  // A stable id that is another one rules a folder out.
  const from = lost.filter(
    (f) =>
      validity.get(f.id) === value && (!f.remoteId || !folder.remoteId || f.remoteId === folder.remoteId),
  );
  // Servers that number by the second give folders made together the same UIDVALIDITY: then names decide.
  const to = fresh.filter((f) => f.status?.uidValidity === value);
  if (from.length === 1 && to.length === 1) return from[0] ?? null;
  const leaf = (path: string, delimiter: string | null) => (delimiter ? path.split(delimiter).at(-1) : path);
  const sameLeaf = from.filter((f) => leaf(f.path, f.delimiter) === leaf(folder.path, folder.delimiter));
  const rivals = to.filter((f) => leaf(f.path, f.delimiter) === leaf(folder.path, folder.delimiter));
  return sameLeaf.length === 1 && rivals.length === 1 ? (sameLeaf[0] ?? null) : null;
}

/** An id for a folder that is new under its path; `used`: all ids that the grant knows. */
export function newFolderId(grantId: string, path: string, used: Set<string>): string {
  for (let ordinal = 0; ; ordinal += 1) {
    const hash = createHash('sha256').update(`folder\0${grantId}\0${path}\0${ordinal}`).digest();
    const id = `f${base32(hash.subarray(0, ID_BYTES))}`;
    if (!used.has(id)) return id;
  }
}

function sameFolder(a: FolderRow, b: NewFolder): boolean {
  return (
    a.path === b.path &&
    a.name === b.name &&
    a.delimiter === b.delimiter &&
    a.parentId === b.parentId &&
    a.remoteId === b.remoteId &&
    a.specialUse === b.specialUse &&
    a.selectable === b.selectable &&
    a.attributes.join('\0') === b.attributes.join('\0')
  );
}

/** A name as it may be stored and shown. */
export function clean(name: string): string {
  return name.toWellFormed().replaceAll('\0', '\ufffd').slice(0, MAX_NAME_CHARS).toWellFormed();
}
