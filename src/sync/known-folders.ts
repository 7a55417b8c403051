import { faultPoint } from '../platform/fault-point.ts';
import type { RemoteFolder } from '../providers/provider.ts';
import { lastChangeId } from '../store/changes.ts';
import { type FolderCursor, listCursors } from '../store/folder-cursors.ts';
import { type FolderRow, listFolders } from '../store/folders.ts';
import { hasOlderValidity } from '../store/locations.ts';
import { pause, type SyncContext } from './context.ts';
import { byPriority, type FolderState, mayBeInHistory } from './folder-state.ts';
import { applyFolderTree } from './folder-tree.ts';

/** The folders of a grant as its running sync knows them. */
export class KnownFolders {
  readonly #byId = new Map<string, FolderState>();

  all(): FolderState[] {
    return [...this.#byId.values()];
  }

  /** The inbox first, junk last. */
  byPriority(): FolderState[] {
    return this.all().sort(byPriority);
  }

  at(path: string): FolderState | undefined {
    return this.all().find((folder) => folder.row.path === path);
  }

  /** Whether mails that are missing from a folder may yet turn up in the history of another. */
  mayBeInHistory(folder: FolderState): boolean {
    return mayBeInHistory(folder, this.#byId.values());
  }

  /**
   * Asks the server for its folders and brings the store's in step. `connected`: the mailbox was synced before, so that
   * what is in a new folder is new.
   */
  async list(ctx: SyncContext, connected: boolean): Promise<void> {
    const { remote, rows } = await this.#bringInStep(ctx);
    const first = this.#byId.size === 0;
    const cursors = first ? await ctx.writer.db.engine((sql) => listCursors(sql, ctx.writer.scope)) : [];
    const status = new Map(remote.map((folder) => [folder.path, folder.status]));
    const ids = new Set(rows.map((row) => row.id));
    for (const id of [...this.#byId.keys()]) if (!ids.has(id)) this.#byId.delete(id);
    for (const row of rows) {
      const cursor = cursors.find((c) => c.folderId === row.id) ?? null;
      const state = this.#byId.get(row.id) ?? (await newState(ctx, row, cursor, !first || connected));
      state.row = row;
      state.status = status.get(row.path) ?? null;
      this.#byId.set(row.id, state);
    }
  }

  /** Again when the application changed folders while the server was asked. */
  async #bringInStep(ctx: SyncContext): Promise<{ remote: RemoteFolder[]; rows: FolderRow[] }> {
    const mayLieInHistory = (id: string) => {
      const folder = this.#byId.get(id);
      return !folder || this.mayBeInHistory(folder);
    };
    for (;;) {
      await faultPoint('sync.before_list');
      const [seenAt, known] = await ctx.writer.db.engine((sql) =>
        Promise.all([lastChangeId(sql), listFolders(sql, ctx.writer.scope)]),
      );
      const paths = known.filter((row) => row.selectable).map((row) => row.path);
      const remote = await ctx.mailbox.folders(ctx.signal, paths);
      await faultPoint('sync.after_list');
      const rows = await ctx.serial(() => applyFolderTree(ctx.writer, remote, mayLieInHistory, seenAt));
      if (rows) return { remote, rows };
      await pause(ctx);
    }
  }
}

async function newState(
  { writer }: SyncContext,
  row: FolderRow,
  cursor: FolderCursor | null,
  appeared: boolean,
): Promise<FolderState> {
  const rematching =
    cursor !== null &&
    (await writer.db.engine((sql) => hasOlderValidity(sql, writer.scope, row.id, cursor.uidValidity)));
  return {
    row,
    cursor,
    status: null,
    seen: null,
    appeared,
    startedAt: 0,
    inStepAt: 0,
    copiesSeenAt: null,
    history: null,
    rematching,
    stale: false,
    failures: 0,
    retryAt: 0,
    scannedAt: 0,
  };
}
