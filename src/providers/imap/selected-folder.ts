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
import { type ImapTimings, MAX_VANISHED_RANGES, type UidRange } from './connection.ts';
import { readFlags } from './flags.ts';
import { FolderSession, unixSeconds } from './folder-session.ts';
import { uidSearch } from './search.ts';
import type { Criterion } from './search-criteria.ts';
import { uidSet } from './uid-set.ts';
import { CHUNK_MESSAGES, wholeMessages } from './whole-messages.ts';

/** Raw bytes for the API come in pieces of this size (RFC 9051 partial fetch). */
const RAW_PIECE_BYTES = 1024 * 1024;
/** A caller waits for a search of one folder this long, in ms: bodies that have no index are read whole. */
const SEARCH_TIMEOUT_MS = 30_000;
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
  readonly #session: FolderSession;
  readonly #release: () => void;

  constructor(
    client: ImapFlow,
    path: string,
    observed: Observation,
    timings: ImapTimings,
    signal: AbortSignal,
    release: () => void,
  ) {
    this.#session = new FolderSession(client, path, timings, signal);
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
    const rows = await this.#session.collect(
      `${Math.max(1, this.exists - count + 1)}:*`,
      { uid: true },
      false,
      this.#session.timings.scan,
      count,
    );
    return uniqueUids(rows);
  }

  async uids(from: number, to: number | null): Promise<number[]> {
    if (this.exists === 0 && to !== null) return [];
    const found = await this.#session.command(this.#session.timings.scan, 'UID SEARCH', () =>
      this.#session.client.search({ uid: `${from}:${to ?? '*'}` }, { uid: true }),
    );
    // Some servers refuse to search an empty folder.
    if (!Array.isArray(found) && this.exists === 0) return [];
    if (!Array.isArray(found)) throw new ProviderError('protocol', 'The server refused UID SEARCH.');
    // `n:*` also names the last message when it lies below n.
    return found.filter((uid) => uid >= from && uid <= (to ?? MAX_UID));
  }

  present(uids: number[]): Promise<number[]> {
    return this.#session.present(uids, this.exists);
  }

  /** What the server finds by these criteria; a search that it will not do is ProviderError('bad_query'). */
  async search(criteria: Criterion[]): Promise<number[]> {
    if (this.exists === 0) return [];
    try {
      return await this.#session.command(SEARCH_TIMEOUT_MS, 'UID SEARCH', () =>
        uidSearch(this.#session.client, criteria),
      );
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
    const rows = await this.#session.collect(
      `${from}:${to}`,
      { uid: true, flags: true },
      true,
      this.#session.timings.scan,
      this.exists,
    );
    return flagRows(rows, from, to);
  }

  async changes(sinceModseq: number, from: number, to: number): Promise<FolderChanges> {
    const vanished: UidRange[] = [];
    const onVanished = (ranges: UidRange[]) => {
      if (vanished.length < MAX_VANISHED_RANGES) vanished.push(...ranges);
    };
    this.#session.client.on('vanished', onVanished);
    try {
      const rows =
        this.exists === 0 && !this.tellsVanished
          ? []
          : await this.#session.collect(
              `${from}:${to}`,
              { uid: true, flags: true },
              true,
              this.#session.timings.scan,
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
      this.#session.client.off('vanished', onVanished);
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
      await this.#session.each(
        uidSet(chunk),
        query,
        { uid: true },
        this.#session.timings.fetch,
        chunk.length,
        (row) => {
          if (!row.uid || !row.flags || !asked.delete(row.uid)) return;
          identities.push({
            uid: row.uid,
            flags: readFlags(row.flags),
            remoteId: row.emailId || null,
            internalDate: unixSeconds(row.internalDate),
            size: row.size ?? 0,
            headerDigest: row.headers ? headerDigest(row.headers) : null,
          });
        },
      );
    }
    return identities;
  }

  async outline(uid: number, withHeader: boolean): Promise<MessageOutline | null> {
    let outline: MessageOutline | null = null;
    const query = { uid: true, flags: true, internalDate: true, size: true, headers: withHeader };
    await this.#session.each(`${uid}`, query, { uid: true }, this.#session.timings.fetch, 1, (row) => {
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

  messages(uids: number[]): AsyncIterable<RemoteMessage | UnreadableMessage> {
    return wholeMessages(this.#session, uids, this.exists);
  }

  /** A byte range of one raw message, in pieces; fails when the server has less. */
  async *raw(uid: number, range: { offset: number; length: number }): AsyncIterable<Buffer> {
    const end = range.offset + range.length;
    for (let at = range.offset; at < end; ) {
      const want = Math.min(RAW_PIECE_BYTES, end - at);
      const rows = await this.#session.collect(
        `${uid}`,
        { uid: true, source: { start: at, maxLength: want } },
        true,
        this.#session.timings.fetch,
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
    const status = await this.#session.command(this.#session.timings.fetch, 'STATUS', () =>
      this.#session.client.status(this.path, { uidValidity: true }),
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
