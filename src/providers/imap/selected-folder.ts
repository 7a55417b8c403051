import type { FetchMessageObject, FetchQueryObject, ImapFlow } from 'imapflow';
import { headerDigest } from '../../mail/fingerprint.ts';
import type {
  FolderChanges,
  MessageOutline,
  OpenFolder,
  RemoteFlags,
  RemoteIdentity,
  RemoteMessage,
  UnreadableMessage,
} from '../provider.ts';
import { ProviderError } from '../provider.ts';
import {
  type ImapTimings,
  MAX_MESSAGE_BYTES,
  MAX_VANISHED_RANGES,
  type UidRange,
  withDeadline,
} from './connection.ts';
import { readFlags } from './flags.ts';
import { uidSearch } from './search.ts';
import type { Criterion } from './search-criteria.ts';
import { uidSet } from './uid-set.ts';

/** The slowest rate at which bodies still make progress. */
const SLOWEST_BYTES_PER_MS = 20;
/** Bodies are fetched in chunks of about this many bytes, so that memory stays bounded. */
const CHUNK_BYTES = 8 * 1024 * 1024;
const CHUNK_MESSAGES = 250;
/** Of a mail above MAX_MESSAGE_BYTES only this much is read: its headers and a little more. */
const HEAD_BYTES = 256 * 1024;
/** Raw bytes for the API come in pieces of this size (RFC 9051 partial fetch). */
const RAW_PIECE_BYTES = 1024 * 1024;
/** A caller waits for a search of one folder this long, in ms: bodies that have no index are read whole. */
const SEARCH_TIMEOUT_MS = 30_000;
/** Rows of one FETCH: a folder of this many messages, and changes that others make meanwhile. */
const MAX_ROWS = 5_000_000;
const SPARE_ROWS = 10_000;
/** UIDs are 32 bits (RFC 9051 2.3.1.1). */
const MAX_UID = 0xffff_ffff;

/** What was seen of a folder at one moment. */
export interface Observation {
  uidValidity: number;
  uidNext: number | null;
  exists: number;
  highestModseq: number | null;
}

/** One selected folder on one connection (RFC 9051 6.3.1), until it is released. */
export class SelectedFolder implements OpenFolder {
  readonly path: string;
  readonly uidValidity: number;
  readonly uidNext: number | null;
  readonly exists: number;
  readonly highestModseq: number | null;
  readonly stableIds: boolean;
  readonly tellsVanished: boolean;
  readonly #client: ImapFlow;
  readonly #timings: ImapTimings;
  readonly #signal: AbortSignal;
  readonly #release: () => void;

  constructor(
    client: ImapFlow,
    path: string,
    observed: Observation,
    timings: ImapTimings,
    signal: AbortSignal,
    release: () => void,
  ) {
    this.#client = client;
    this.#timings = timings;
    this.#signal = signal;
    this.#release = release;
    this.path = path;
    this.uidValidity = observed.uidValidity;
    this.uidNext = observed.uidNext;
    this.exists = observed.exists;
    this.highestModseq = observed.highestModseq;
    this.stableIds = client.capabilities.has('OBJECTID') || client.capabilities.has('X-GM-EXT-1');
    this.tellsVanished = client.enabled.has('QRESYNC');
  }

  async newestUids(count: number): Promise<number[]> {
    if (this.exists === 0) return [];
    const rows = await this.#collect(
      `${Math.max(1, this.exists - count + 1)}:*`,
      { uid: true },
      false,
      this.#timings.scan,
      count,
    );
    return uniqueUids(rows);
  }

  async uids(from: number, to: number | null): Promise<number[]> {
    if (this.exists === 0 && to !== null) return [];
    const found = await this.#command(this.#timings.scan, 'UID SEARCH', () =>
      this.#client.search({ uid: `${from}:${to ?? '*'}` }, { uid: true }),
    );
    // Some servers refuse to search an empty folder.
    if (!Array.isArray(found) && this.exists === 0) return [];
    if (!Array.isArray(found)) throw new ProviderError('protocol', 'The server refused UID SEARCH.');
    // `n:*` also names the last message when it lies below n.
    return found.filter((uid) => uid >= from && uid <= (to ?? MAX_UID));
  }

  async present(uids: number[]): Promise<number[]> {
    const found: number[] = [];
    for (let i = 0; i < uids.length; i += 1000) {
      const chunk = uids.slice(i, i + 1000);
      const answer = await this.#command(this.#timings.scan, 'UID SEARCH', () =>
        this.#client.search({ uid: uidSet(chunk) }, { uid: true }),
      );
      if (!Array.isArray(answer) && this.exists === 0) return [];
      if (!Array.isArray(answer)) throw new ProviderError('protocol', 'The server refused UID SEARCH.');
      const asked = new Set(chunk);
      for (const uid of answer) if (asked.has(uid)) found.push(uid);
    }
    return found;
  }

  /** What the server finds by these criteria; a search that it will not do is ProviderError('bad_query'). */
  async search(criteria: Criterion[]): Promise<number[]> {
    if (this.exists === 0) return [];
    try {
      return await this.#command(SEARCH_TIMEOUT_MS, 'UID SEARCH', () => uidSearch(this.#client, criteria));
    } catch (error) {
      if (!(error instanceof ProviderError) || error.kind !== 'protocol') throw error;
      const { response, code } = error;
      throw new ProviderError('bad_query', `the mail server refuses it: ${error.message}`, {
        response,
        code,
        cause: error,
      });
    }
  }

  async flags(from: number, to: number): Promise<RemoteFlags[]> {
    if (this.exists === 0) return [];
    const rows = await this.#collect(
      `${from}:${to}`,
      { uid: true, flags: true },
      true,
      this.#timings.scan,
      this.exists,
    );
    return flagRows(rows, from, to);
  }

  async changes(sinceModseq: number, from: number, to: number): Promise<FolderChanges> {
    const vanished: UidRange[] = [];
    const onVanished = (ranges: UidRange[]) => {
      if (vanished.length < MAX_VANISHED_RANGES) vanished.push(...ranges);
    };
    this.#client.on('vanished', onVanished);
    try {
      const rows =
        this.exists === 0 && !this.tellsVanished
          ? []
          : await this.#collect(
              `${from}:${to}`,
              { uid: true, flags: true },
              true,
              this.#timings.scan,
              this.exists,
              BigInt(sinceModseq),
            );
      let highestModseq = 0;
      for (const row of rows) highestModseq = Math.max(highestModseq, Number(row.modseq ?? 0));
      return {
        flags: flagRows(rows, from, to),
        // More than can be kept: not told, so that all is compared.
        vanished: this.tellsVanished && vanished.length < MAX_VANISHED_RANGES ? vanished : null,
        highestModseq,
      };
    } finally {
      this.#client.off('vanished', onVanished);
    }
  }

  async identities(uids: number[]): Promise<RemoteIdentity[]> {
    const asked = new Set(uids);
    const query: FetchQueryObject = {
      uid: true,
      flags: true,
      internalDate: true,
      size: true,
      headers: !this.stableIds,
    };
    const identities: RemoteIdentity[] = [];
    for (let i = 0; i < uids.length; i += CHUNK_MESSAGES) {
      const chunk = uids.slice(i, i + CHUNK_MESSAGES);
      await this.#each(uidSet(chunk), query, { uid: true }, this.#timings.fetch, chunk.length, (row) => {
        if (!row.uid || !row.flags || !asked.delete(row.uid)) return;
        identities.push({
          uid: row.uid,
          flags: readFlags(row.flags),
          remoteId: row.emailId || null,
          internalDate: unixSeconds(row.internalDate),
          size: row.size ?? 0,
          headerDigest: row.headers ? headerDigest(row.headers) : null,
        });
      });
    }
    return identities;
  }

  async outline(uid: number, withHeader: boolean): Promise<MessageOutline | null> {
    let outline: MessageOutline | null = null;
    const query = { uid: true, flags: true, internalDate: true, size: true, headers: withHeader };
    await this.#each(`${uid}`, query, { uid: true }, this.#timings.fetch, 1, (row) => {
      if (row.uid !== uid || !row.flags || (withHeader && !row.headers)) return;
      outline = {
        uid,
        flags: readFlags(row.flags),
        internalDate: unixSeconds(row.internalDate),
        size: row.size ?? 0,
        header: row.headers ?? null,
      };
    });
    return outline;
  }

  async *messages(uids: number[]): AsyncIterable<RemoteMessage | UnreadableMessage> {
    const sizes = new Map<number, number>();
    for (const row of await this.#collect(
      uidSet(uids),
      { uid: true, size: true },
      true,
      this.#timings.fetch,
      uids.length,
    )) {
      if (row.uid && row.size !== undefined) sizes.set(row.uid, row.size);
    }
    for (const chunk of chunks(uids, sizes)) {
      const read = await this.#fetchWhole(chunk.uids, chunk.bytes);
      for (const uid of chunk.uids) {
        const message = read.get(uid);
        if (message) {
          yield message;
          continue;
        }
        // Fewer rows than asked for, without an error: ask again for this one alone.
        const alone = (await this.#fetchWhole([uid], sizes.get(uid) ?? 0)).get(uid);
        if (alone) yield alone;
        else if ((await this.present([uid])).length > 0)
          yield { uid, unreadable: 'the server lists the message but does not send it' };
      }
    }
  }

  /** A byte range of one raw message, in pieces; fails when the server has less. */
  async *raw(uid: number, range: { offset: number; length: number }): AsyncIterable<Buffer> {
    const end = range.offset + range.length;
    for (let at = range.offset; at < end; ) {
      const want = Math.min(RAW_PIECE_BYTES, end - at);
      const rows = await this.#collect(
        `${uid}`,
        { uid: true, source: { start: at, maxLength: want } },
        true,
        this.#timings.fetch,
        1,
      );
      const piece = rows.find((row) => row.uid === uid && row.source)?.source;
      if (!piece) throw new ProviderError('no_folder', 'The message is no longer there.');
      if (piece.length > want)
        throw new ProviderError('protocol', 'The server sent more than was asked for.');
      if (piece.length > 0) yield piece;
      at += piece.length;
      // A short piece is the end of the message.
      if (piece.length < want) return;
    }
  }

  async assertUnchanged(): Promise<void> {
    // An untagged UIDVALIDITY in mid-session does not reach the client library: ask.
    // For UIDVALIDITY only: the counts of STATUS would pass for news that the session has already told.
    const status = await this.#command(this.#timings.fetch, 'STATUS', () =>
      this.#client.status(this.path, { uidValidity: true }),
    );
    const now = Number((status || null)?.uidValidity || this.uidValidity);
    if (now !== this.uidValidity) {
      throw new ProviderError(
        'changed',
        `UIDVALIDITY of a folder changed from ${this.uidValidity} to ${now}.`,
      );
    }
  }

  async close(): Promise<void> {
    this.#release();
  }

  /**
   * Whole messages by UID. What does not come, comes twice, or would take more memory than these messages may is
   * left out: the caller asks for it alone.
   */
  async #fetchWhole(uids: number[], announced: number): Promise<Map<number, RemoteMessage>> {
    const bytes = Math.min(announced, MAX_MESSAGE_BYTES);
    const head = uids.length === 1 && announced > MAX_MESSAGE_BYTES;
    const asked = new Set(uids);
    const twice = new Set<number>();
    const read = new Map<number, RemoteMessage>();
    let room = Math.max(CHUNK_BYTES, bytes) * 2;
    await this.#each(
      uidSet(uids),
      { uid: true, flags: true, internalDate: true, source: head ? { maxLength: HEAD_BYTES } : true },
      { uid: true },
      this.#timings.fetch + bytes / SLOWEST_BYTES_PER_MS,
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

  async #collect(
    range: string,
    query: FetchQueryObject,
    uid: boolean,
    ms: number,
    expected: number,
    changedSince?: bigint,
  ): Promise<FetchMessageObject[]> {
    const rows: FetchMessageObject[] = [];
    await this.#each(range, query, { uid, changedSince }, ms, expected, (row) => rows.push(row));
    return rows;
  }

  /** FETCH, row by row; a server that sends rows without end is hung up on. */
  async #each(
    range: string,
    query: FetchQueryObject,
    options: { uid: boolean; changedSince?: bigint },
    ms: number,
    expected: number,
    take: (row: FetchMessageObject) => void,
  ): Promise<void> {
    // Other sessions' flag changes come in between.
    const most = Math.min(expected, MAX_ROWS) * 2 + SPARE_ROWS;
    await this.#command(ms, 'FETCH', async () => {
      let rows = 0;
      for await (const row of this.#client.fetch(range, query, options)) {
        rows += 1;
        if (rows > most) {
          this.#client.close();
          throw new ProviderError('protocol', 'The server sends more rows than there are messages.');
        }
        take(row);
      }
    });
  }

  #command<T>(ms: number, what: string, work: () => Promise<T>): Promise<T> {
    const selected = this.#client.mailbox;
    if (!selected || selected.path !== this.path) {
      throw new ProviderError('network', 'The folder is no longer selected on this connection.');
    }
    return withDeadline(this.#client, ms, this.#signal, what, work);
  }
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

function flagRows(rows: FetchMessageObject[], from: number, to: number): RemoteFlags[] {
  // The last row for a UID is the newest word on it.
  const byUid = new Map<number, RemoteFlags>();
  for (const row of rows) {
    if (!row.uid || !row.flags || row.uid < from || row.uid > to) continue;
    byUid.set(row.uid, { uid: row.uid, flags: readFlags(row.flags) });
  }
  return [...byUid.values()];
}

function uniqueUids(rows: FetchMessageObject[]): number[] {
  return [...new Set(rows.map((row) => row.uid).filter((uid) => uid > 0))].sort((a, b) => a - b);
}

/** INTERNALDATE in unix seconds; 0 when the server gave none that can be read. */
function unixSeconds(date: Date | string | undefined): number {
  const ms = date instanceof Date ? date.getTime() : date ? Date.parse(date) : Number.NaN;
  return Number.isFinite(ms) ? Math.floor(ms / 1000) : 0;
}
