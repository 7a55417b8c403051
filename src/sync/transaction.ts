import { faultPoint } from '../platform/fault-point.ts';
import { outcome } from '../platform/outcome.ts';
import { ProviderError, type RemoteFlags } from '../providers/provider.ts';
import type { Database, Sql } from '../store/database.ts';
import { insertEvents, type NewEvent } from '../store/events.ts';
import { addFolderCounts, isThere } from '../store/folders.ts';
import { assertHeld, type Lease } from '../store/leases.ts';
import type { NewLocation, RemovedLocation } from '../store/locations.ts';
import { refreshMessages } from '../store/message-writes.ts';
import type { Scope } from '../store/scope.ts';
import { refreshThreads } from '../store/thread-writes.ts';

/** Who may write the mail of a grant, and how it keeps all others out meanwhile. */
export interface StoreWriter {
  scope: Scope;
  clock: () => Date;
  /** One transaction behind the fence of the grant. */
  transact<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
}

/** The sync's own: it writes while it holds the lease. */
export interface Writer extends StoreWriter {
  db: Database;
  lease: Lease;
  /** The grant's own address, normalised: mail from it counts as sent. */
  ownAddress: string;
}

/** The writer of a grant's sync. */
export function syncWriter(parts: Omit<Writer, 'transact'>): Writer {
  const { db, lease } = parts;
  return {
    ...parts,
    transact: (work) =>
      db.engine(async (sql) => {
        // The fence is asked for together with the first statements of the work, and stands before them. What they
        // find counts only when the lease is held; without it all is rolled back.
        const [held, result] = await Promise.allSettled([assertHeld(sql, lease), work(sql)]);
        outcome(held);
        return outcome(result);
      }),
  };
}

/** A folder under one UIDVALIDITY. */
export interface Place {
  folderId: string;
  uidValidity: number;
  /** All that lies here counts as a draft, whatever its flags. */
  drafts: boolean;
}

/** What a transaction has changed so far, and so what it must sum up and tell of at its end. */
export class Changes {
  readonly messages = new Set<string>();
  readonly threads = new Set<string>();
  readonly events: NewEvent[] = [];
  readonly counts = new Map<string, { total: number; unread: number }>();
  createdThreads: string[] = [];
  mergedThreads: string[] = [];
  live = false;

  count(folderId: string, total: number, unread: number): void {
    const sum = this.counts.get(folderId) ?? { total: 0, unread: 0 };
    this.counts.set(folderId, { total: sum.total + total, unread: sum.unread + unread });
  }

  removed(rows: RemovedLocation[]): void {
    for (const row of rows) {
      this.count(row.folderId, -1, row.seen ? 0 : -1);
      this.messages.add(row.messageId);
    }
  }
}

/** One write: behind the fence, summed up, and told of, all in one transaction. */
export async function inTransaction<T>(
  writer: StoreWriter,
  work: (sql: Sql, changes: Changes) => Promise<T>,
): Promise<T> {
  const { scope } = writer;
  await faultPoint('sync.before_apply');
  const applied = await writer.transact(async (sql) => {
    const changes = new Changes();
    const result = await work(sql, changes);
    const refreshed = await refreshMessages(sql, scope, [...changes.messages], writer.clock());
    for (const message of refreshed) {
      changes.threads.add(message.threadId);
      changes.live = true;
      changes.events.push({
        type: 'message.updated',
        objectId: message.id,
        data: {
          thread_id: message.threadId,
          folders: message.folderIds,
          unread: message.unread,
          starred: message.starred,
          date: message.date,
        },
      });
    }
    const { deleted } = await refreshThreads(sql, scope, [...changes.threads]);
    if (changes.live) {
      const gone = new Set([...deleted, ...changes.mergedThreads]);
      const created = new Set(changes.createdThreads);
      for (const id of gone) changes.events.push({ type: 'thread.deleted', objectId: id, data: {} });
      for (const id of changes.threads) {
        if (!gone.has(id) && !created.has(id))
          changes.events.push({ type: 'thread.updated', objectId: id, data: {} });
      }
    }
    await Promise.all([
      addFolderCounts(sql, scope, changes.counts),
      insertEvents(sql, scope, changes.events),
    ]);
    await faultPoint('sync.before_commit');
    return result;
  });
  await faultPoint('sync.after_commit');
  return applied;
}

/**
 * Throws ProviderError('changed') when the folder was deleted while its mail was on the way. Asked behind the fence,
 * so that the answer holds until the transaction ends.
 */
export async function assertFolder(sql: Sql, scope: Scope, folderId: string): Promise<void> {
  if (!(await isThere(sql, scope, folderId)))
    throw new ProviderError('changed', 'The folder was deleted while it was read.');
}

/** The copy of a message in a folder. */
export function locationOf(place: Place, copy: RemoteFlags, messageId: string, date: number): NewLocation {
  const { folderId, uidValidity } = place;
  return { folderId, uidValidity, uid: copy.uid, messageId, ...copy.flags, date };
}
