import { ownerKeys } from '../mail/search/document.ts';
import type { Flags, RemoteFlags } from '../providers/provider.ts';
import type { Sql } from '../store/database.ts';
import { type FolderCursor, saveCursor } from '../store/folder-cursors.ts';
import {
  insertLocations,
  locatedWithFingerprint,
  removeLocations,
  storedUids,
  updateFlags,
} from '../store/locations.ts';
import {
  type Candidate,
  deleteUnlocated,
  findCandidates,
  insertMessages,
  type NewMessage,
} from '../store/message-writes.ts';
import type { Scope } from '../store/scope.ts';
import { attachmentRows } from './attachments.ts';
import {
  liesElsewhere,
  likelyIds,
  Matcher,
  placeholderFingerprint,
  RivalsHere,
  replacedBy,
  SourcesFirst,
} from './match.ts';
import type { PackedMail } from './packed-mail.ts';
import { placeInThreads } from './thread.ts';
import {
  assertFolder,
  type Changes,
  inTransaction,
  locationOf,
  type Place,
  type Writer,
} from './transaction.ts';

/** A mail that has been fetched, parsed and put into the blob store, on its way into the store. */
export interface Arrival {
  uid: number;
  flags: Flags;
  remoteId: string | null;
  /** INTERNALDATE, unix seconds. */
  internalDate: number;
  mail: PackedMail;
  raw: { object: string; offset: number } | null;
  /** It stands in for a mail that the server does not give. */
  placeholder?: boolean;
}

/**
 * The one door by which mail enters the store: messages, threads, counts, cursor and events in one
 * transaction, behind the fence of the lease. Copies of known messages become locations. `live` copies
 * make events; history does not (contract 5.2). Applying the same copies twice changes nothing. `sourcesFirst`:
 * writes nothing and throws {@link SourcesFirst} when a copy's message still lies in another folder. So it does with
 * {@link RivalsHere} for mail that the store has in this folder already, until `rivalsAsked`.
 */
export async function applyArrivals(
  writer: Writer,
  place: Place,
  arrivals: Arrival[],
  isLive: (uid: number) => boolean,
  cursor: FolderCursor | null,
  { sourcesFirst = false, rivalsAsked = false }: { sourcesFirst?: boolean; rivalsAsked?: boolean } = {},
): Promise<{ created: number; matched: number }> {
  const { scope } = writer;
  return inTransaction(writer, async (sql, changes) => {
    const now = writer.clock();
    const uids = arrivals.map((a) => a.uid);
    const [, stored] = await Promise.all([
      assertFolder(sql, scope, place.folderId),
      storedUids(sql, scope, place.folderId, place.uidValidity, uids),
    ]);
    const replaced = await removePlaceholders(
      sql,
      scope,
      place,
      arrivals.filter((a) => stored.has(a.uid) && !a.placeholder),
      changes,
    );
    const fresh = arrivals.filter((a) => !stored.has(a.uid) || replaced.has(a.uid));
    const matcher = new Matcher(
      scope.grantId,
      place,
      await findCandidates(sql, scope, {
        fingerprints: fresh.map((a) => a.mail.fingerprint),
        headerDigests: [],
        remoteIds: fresh.flatMap((a) => a.remoteId ?? []),
        ids: fresh.flatMap((a) =>
          likelyIds(scope.grantId, { remoteId: a.remoteId, fingerprint: a.mail.fingerprint }),
        ),
      }),
    );
    if (!rivalsAsked) {
      const rivals = fresh.flatMap((a) =>
        matcher.rivals({ remoteId: a.remoteId, fingerprint: a.mail.fingerprint }),
      );
      if (rivals.length > 0) throw new RivalsHere([...new Set(rivals)]);
    }
    const matched: { arrival: Arrival; existing: Candidate }[] = [];
    const added: { arrival: Arrival; id: string }[] = [];
    for (const arrival of fresh) {
      const { id, existing } = matcher.take({
        remoteId: arrival.remoteId,
        fingerprint: arrival.mail.fingerprint,
      });
      if (existing) matched.push({ arrival, existing });
      // A mail keeps the id under which its placeholder was seen.
      else added.push({ arrival, id: replaced.get(arrival.uid)?.id ?? id });
    }
    if (sourcesFirst && matched.some(({ existing }) => liesElsewhere(existing, place)))
      throw new SourcesFirst();
    const threads = await placeInThreads(
      sql,
      scope,
      added.map(({ arrival, id }) => ({ id, mail: arrival.mail, date: arrival.internalDate })),
    );
    for (const id of threads.touched) changes.threads.add(id);
    for (const { arrival } of added) if (isLive(arrival.uid)) changes.live = true;
    const messages = added.map(({ arrival, id }) =>
      newMessage(writer, place, arrival, id, threads.threadOf(id)),
    );
    const locations = [
      ...added.map(({ arrival, id }) => locationOf(place, arrival, id, arrival.internalDate)),
      ...matched.map(({ arrival, existing }) => locationOf(place, arrival, existing.id, existing.date)),
    ];
    await Promise.all([
      insertMessages(sql, scope, messages, now),
      insertLocations(sql, scope, locations),
      cursor ? saveCursor(sql, scope, cursor) : null,
    ]);
    for (const { arrival } of [...added, ...matched])
      changes.count(place.folderId, 1, arrival.flags.seen ? 0 : 1);
    changes.removed(
      await removeLocations(
        sql,
        scope,
        matched.flatMap(({ existing }) => replacedBy(existing, place)),
      ),
    );
    for (const { existing } of matched) changes.messages.add(existing.id);
    for (const { arrival, id } of added) {
      if (!isLive(arrival.uid) && !replaced.has(arrival.uid)) continue;
      changes.events.push({
        type: replaced.has(arrival.uid) ? 'message.updated' : 'message.created',
        objectId: id,
        data: { thread_id: threads.threadOf(id), folders: [place.folderId], date: arrival.internalDate },
      });
    }
    for (const { arrival } of matched) {
      const gone = replaced.get(arrival.uid);
      if (!gone) continue;
      changes.events.push({
        type: 'message.deleted',
        objectId: gone.id,
        data: { thread_id: gone.threadId, folders: gone.folderIds },
      });
    }
    for (const id of threads.created) {
      if (changes.live) changes.events.push({ type: 'thread.created', objectId: id, data: {} });
    }
    changes.createdThreads = threads.created;
    changes.mergedThreads = threads.merged;
    return { created: added.length, matched: matched.length };
  });
}

/** Takes away the placeholders of mails that have come after all; returns them by UID. */
async function removePlaceholders(
  sql: Sql,
  scope: Scope,
  place: Place,
  arrivals: Arrival[],
  changes: Changes,
): Promise<Map<number, { id: string; threadId: string; folderIds: string[] }>> {
  const found = await locatedWithFingerprint(
    sql,
    scope,
    place,
    arrivals.map(({ uid }) => ({ uid, fingerprint: placeholderFingerprint(place, uid) })),
  );
  if (found.length === 0) return new Map();
  changes.live = true;
  changes.removed(
    await removeLocations(
      sql,
      scope,
      found.map(({ uid }) => ({ ...place, uid })),
    ),
  );
  const deleted = new Map(
    (
      await deleteUnlocated(
        sql,
        scope,
        found.map((f) => f.id),
      )
    ).map((m) => [m.id, m]),
  );
  for (const { threadId } of deleted.values()) changes.threads.add(threadId);
  return new Map(
    found.flatMap(({ uid, id }) => {
      const message = deleted.get(id);
      return message ? [[uid, message] as const] : [];
    }),
  );
}

/**
 * Brings flags in step; events tell of messages that look different now. `seenAt`: the newest change of our own when
 * they were asked for. Returns how many are older than such a change, and so must be asked for again.
 */
export async function applyFlags(
  writer: Writer,
  place: Place,
  rows: RemoteFlags[],
  seenAt: number,
): Promise<number> {
  if (rows.length === 0) return 0;
  return inTransaction(writer, async (sql, changes) => {
    const updates = rows.map((r) => ({ uid: r.uid, ...r.flags }));
    const { folderId, uidValidity } = place;
    const updated = await updateFlags(sql, writer.scope, folderId, uidValidity, updates, seenAt);
    changes.count(folderId, 0, updated.unread);
    for (const id of updated.messageIds) changes.messages.add(id);
    return updated.stale;
  });
}

/** Moves a cursor by itself, when nothing else has changed. */
export async function applyCursor(writer: Writer, cursor: FolderCursor): Promise<void> {
  await inTransaction(writer, async (sql) => {
    await Promise.all([
      assertFolder(sql, writer.scope, cursor.folderId),
      saveCursor(sql, writer.scope, cursor),
    ]);
  });
}

function newMessage(
  writer: Writer,
  place: Place,
  arrival: Arrival,
  id: string,
  threadId: string,
): NewMessage {
  const { mail, flags } = arrival;
  return {
    id,
    threadId,
    content: mail.content,
    fingerprint: mail.fingerprint,
    remoteId: arrival.remoteId,
    date: arrival.internalDate,
    unread: !flags.seen,
    starred: flags.flagged,
    answered: flags.answered,
    draft: flags.draft || place.drafts,
    sent: mail.sender === writer.ownAddress,
    folderIds: [place.folderId],
    attachments: attachmentRows(id, mail.attachments),
    parseError: mail.parseError,
    rawObject: arrival.raw?.object ?? null,
    rawOffset: arrival.raw?.offset ?? null,
    body: mail.body,
    headers: mail.headers,
    search: {
      messageId: id,
      date: arrival.internalDate,
      subject: mail.searchSubject,
      document: mail.document,
      owner: ownerKeys(writer.scope.grantId, arrival.internalDate),
    },
  };
}
