import { LARGE_MESSAGE_BYTES, type RemoteMessage, type UnreadableMessage } from '../provider.ts';
import { MAX_MESSAGE_BYTES } from './connection.ts';
import { readFlags } from './flags.ts';
import { type FolderSession, unixSeconds } from './folder-session.ts';
import { Turnstile } from './turnstile.ts';
import { uidSet } from './uid-set.ts';

/** The slowest rate at which bodies still make progress. */
const SLOWEST_BYTES_PER_MS = 20;
/** Bodies are fetched in chunks of about this many bytes, so that memory stays bounded. */
const CHUNK_BYTES = LARGE_MESSAGE_BYTES;
/** Messages of which one command asks much. */
export const CHUNK_MESSAGES = 250;
/** Of a mail above MAX_MESSAGE_BYTES only this much is read: its headers and a little more. */
const HEAD_BYTES = 256 * 1024;

/**
 * Large mails that are on their way at the same time, over all mailboxes: each is in memory some five times (as it comes,
 * whole, on its way to the parser, in the parser, decoded). In pairs, so that one is fetched while the other is stored.
 */
const LARGE_AT_ONCE = 2;
/** Long enough for a large mail over a usual line, in ms. */
const LARGE_MS = 60_000;
/** Whoever waits asks its server for nothing, which may hang up on it, and so might we: it is told this often, in ms. */
const STILL_HERE_MS = 15_000;
const largeMessages = new Turnstile(LARGE_AT_ONCE, LARGE_MS);

/** Whole messages, in the order given. Those that are gone do not come; `exists`: mails in the folder when it was opened. */
export async function* wholeMessages(
  session: FolderSession,
  uids: number[],
  exists: number,
): AsyncIterable<RemoteMessage | UnreadableMessage> {
  const sizes = new Map<number, number>();
  const query = { uid: true, size: true };
  for (const row of await session.collect(uidSet(uids), query, true, session.timings.fetch, uids.length)) {
    if (row.uid && row.size !== undefined) sizes.set(row.uid, row.size);
  }
  const stillHere = () => session.command(session.timings.command, 'NOOP', () => session.client.noop());
  for (const chunk of chunks(uids, sizes)) {
    const leave = chunk.bytes > CHUNK_BYTES ? await largeMessages.enter(stillHere, STILL_HERE_MS) : null;
    try {
      const read = await fetchWhole(session, chunk.uids, chunk.bytes);
      for (const uid of chunk.uids) {
        const message = read.get(uid);
        if (message) {
          yield message;
          continue;
        }
        // Fewer rows than asked for, without an error: ask again for this one alone.
        const alone = (await fetchWhole(session, [uid], sizes.get(uid) ?? 0)).get(uid);
        if (alone) yield alone;
        else if ((await session.present([uid], exists)).length > 0)
          yield { uid, unreadable: 'the server lists the message but does not send it' };
      }
    } finally {
      leave?.();
    }
  }
}

/**
 * Whole messages by UID. What does not come, comes twice, or would take more memory than these messages may is
 * left out: the caller asks for it alone.
 */
async function fetchWhole(
  session: FolderSession,
  uids: number[],
  announced: number,
): Promise<Map<number, RemoteMessage>> {
  const bytes = Math.min(announced, MAX_MESSAGE_BYTES);
  const head = uids.length === 1 && announced > MAX_MESSAGE_BYTES;
  const asked = new Set(uids);
  const twice = new Set<number>();
  const read = new Map<number, RemoteMessage>();
  let room = Math.max(CHUNK_BYTES, bytes) * 2;
  await session.each(
    uidSet(uids),
    { uid: true, flags: true, internalDate: true, source: head ? { maxLength: HEAD_BYTES } : true },
    { uid: true },
    session.timings.fetch + bytes / SLOWEST_BYTES_PER_MS,
    uids.length,
    (row) => {
      // A flag change of another message, or a row without UID: not what was asked for.
      if (!row.uid || !row.source || !asked.has(row.uid)) return;
      // Nothing where something was announced is no mail.
      if (row.source.length === 0 && (uids.length > 1 || announced > 0)) return;
      const before = read.get(row.uid);
      if (before && !before.raw.equals(row.source)) twice.add(row.uid);
      if (before) return;
      if (read.size > 0 && row.source.length > room) return;
      room -= row.source.length;
      read.set(row.uid, {
        uid: row.uid,
        flags: readFlags(row.flags),
        remoteId: row.emailId || null,
        internalDate: unixSeconds(row.internalDate),
        raw: row.source,
        truncated:
          head && row.source.length >= HEAD_BYTES
            ? `the message has ${announced} bytes, more than the ${MAX_MESSAGE_BYTES} that are read`
            : null,
      });
    },
  );
  for (const uid of twice) read.delete(uid);
  return read;
}

function* chunks(uids: number[], sizes: Map<number, number>): Iterable<{ uids: number[]; bytes: number }> {
  let chunk: number[] = [];
  let bytes = 0;
  for (const uid of uids) {
    const size = sizes.get(uid) ?? 0;
    if (chunk.length > 0 && (bytes + size > CHUNK_BYTES || chunk.length >= CHUNK_MESSAGES)) {
      yield { uids: chunk, bytes };
      chunk = [];
      bytes = 0;
    }
    chunk.push(uid);
    bytes += size;
  }
  if (chunk.length > 0) yield { uids: chunk, bytes };
}
