import type { FetchMessageObject, FetchQueryObject, ImapFlow } from 'imapflow';
import { ProviderError } from '../provider.ts';
import { type ImapTimings, withDeadline } from './connection.ts';
import { uidSet } from './uid-set.ts';

/** Rows of one FETCH: a folder of this many messages, and changes that others make meanwhile. */
const MAX_ROWS = 5_000_000;
const SPARE_ROWS = 10_000;
/** UIDs that one SEARCH names. */
const SEARCHED = 1_000;

/** Commands in the folder that is selected on a connection, each within its time. */
export class FolderSession {
  readonly client: ImapFlow;
  readonly path: string;
  readonly timings: ImapTimings;
  readonly #signal: AbortSignal;

  constructor(client: ImapFlow, path: string, timings: ImapTimings, signal: AbortSignal) {
    this.client = client;
    this.path = path;
    this.timings = timings;
    this.#signal = signal;
  }

  /** One command; fails when another folder has been selected meanwhile. */
  command<T>(ms: number, what: string, work: () => Promise<T>): Promise<T> {
    const selected = this.client.mailbox;
    if (!selected || selected.path !== this.path) {
      throw new ProviderError('network', 'The folder is no longer selected on this connection.');
    }
    return withDeadline(this.client, ms, this.#signal, what, work);
  }

  /** FETCH, row by row; a server that sends rows without end is hung up on. */
  async each(
    range: string,
    query: FetchQueryObject,
    options: { uid: boolean; changedSince?: bigint },
    ms: number,
    expected: number,
    take: (row: FetchMessageObject) => void,
  ): Promise<void> {
    // Other sessions' flag changes come in between.
    const most = Math.min(expected, MAX_ROWS) * 2 + SPARE_ROWS;
    await this.command(ms, 'FETCH', async () => {
      let rows = 0;
      for await (const row of this.client.fetch(range, query, options)) {
        rows += 1;
        if (rows > most) {
          this.client.close();
          throw new ProviderError('protocol', 'The server sends more rows than there are messages.');
        }
        take(row);
      }
    });
  }

  /** All rows of a FETCH. */
  async collect(
    range: string,
    query: FetchQueryObject,
    uid: boolean,
    ms: number,
    expected: number,
    changedSince?: bigint,
  ): Promise<FetchMessageObject[]> {
    const rows: FetchMessageObject[] = [];
    await this.each(range, query, { uid, changedSince }, ms, expected, (row) => rows.push(row));
    return rows;
  }

  /** Which of these UIDs are there; none in a folder that was empty (`exists`), which some servers refuse to search. */
  async present(uids: number[], exists: number): Promise<number[]> {
    const found: number[] = [];
    for (let i = 0; i < uids.length; i += SEARCHED) {
      const chunk = uids.slice(i, i + SEARCHED);
      const answer = await this.command(this.timings.scan, 'UID SEARCH', () =>
        this.client.search({ uid: uidSet(chunk) }, { uid: true }),
      );
      if (!Array.isArray(answer) && exists === 0) return [];
      if (!Array.isArray(answer)) throw new ProviderError('protocol', 'The server refused UID SEARCH.');
      const asked = new Set(chunk);
      for (const uid of answer) if (asked.has(uid)) found.push(uid);
    }
    return found;
  }
}

/** INTERNALDATE in unix seconds; 0 when the server gave none that can be read. */
export function unixSeconds(date: Date | string | undefined): number {
  const ms = date instanceof Date ? date.getTime() : date ? Date.parse(date) : Number.NaN;
  return Number.isFinite(ms) ? Math.floor(ms / 1000) : 0;
}
