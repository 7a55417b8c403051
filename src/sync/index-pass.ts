import { setTimeout as sleep } from 'node:timers/promises';
import { EMPTY_DOCUMENT } from '../mail/search/document.ts';
import type { Sql } from '../store/database.ts';
import { assertHeld } from '../store/leases.ts';
import { findStale, insertMissingSearchRows, updateSearchRows } from '../store/search-writes.ts';
import type { SyncContext } from './context.ts';
import { searchRow } from './search-row.ts';

/** Messages that are indexed in one step: few, so that live mail never waits long behind them. */
const BATCH = 50;
/** Pause between two steps, in ms. */
const PAUSE_MS = 10;

/**
 * Brings the inverted index up to date after an upgrade, newest mail first, from the stored bodies: messages that an
 * older mailquay wrote, and documents that older word rules made.
 */
export async function indexStale(ctx: SyncContext, signal: AbortSignal): Promise<void> {
  const { writer, parser } = ctx;
  const { scope } = writer;
  const write = <T>(work: (sql: Sql) => Promise<T>) =>
    ctx.serial(() =>
      writer.db.engine(async (sql) => {
        await assertHeld(sql, writer.lease);
        return work(sql);
      }),
    );
  await write((sql) => insertMissingSearchRows(sql, scope));
  for (;;) {
    signal.throwIfAborted();
    const stale = await writer.db.engine((sql) => findStale(sql, scope, BATCH));
    if (stale.length === 0) return;
    const documents = await parser.index(
      stale.map(({ id: _id, date: _date, body, ...mail }) => ({ ...mail, body: body ?? new Uint8Array() })),
    );
    const rows = stale.map((message, i) => searchRow(scope.grantId, message, documents[i] ?? EMPTY_DOCUMENT));
    await write((sql) => updateSearchRows(sql, scope, rows));
    await sleep(PAUSE_MS, undefined, { signal });
  }
}
