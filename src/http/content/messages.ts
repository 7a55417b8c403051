import type { Message } from '../../model/message.ts';
import { notFound } from '../../platform/errors.ts';
import type { Sql } from '../../store/database.ts';
import { listMessageRows, type MessageFilter } from '../../store/reads/message-list.ts';
import { getMessageRow, type MessageRow } from '../../store/reads/message-rows.ts';
import type { Scope } from '../../store/scope.ts';
import { Bodies, type WantedParts } from './bodies.ts';
import { PAGE_BUDGET_BYTES } from './page-budget.ts';
import { toMessage } from './shapes.ts';

/** One page of rows, and whether there are more behind it. */
export interface RowPage<Row> {
  rows: Row[];
  more: boolean;
}

export async function pageOfMessages(
  sql: Sql,
  scope: Scope,
  filter: MessageFilter,
  after: { date: number; id: string } | null,
  limit: number,
): Promise<RowPage<MessageRow>> {
  // One more than asked for tells whether there is a next page.
  const rows = await listMessageRows(sql, scope, filter, after, limit + 1);
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

/** Rows with their bodies, as many from the start as the budget of a page allows, and at least one. */
export async function withBodies(
  sql: Sql,
  scope: Scope,
  rows: MessageRow[],
  wanted: WantedParts,
): Promise<{ messages: Message[] }> {
  const bodies = await Bodies.read(
    sql,
    scope,
    rows.map((row) => row.id),
    wanted,
  );
  const messages: Message[] = [];
  let bytes = 0;
  for (const row of rows) {
    const text = await bodies.open(row.id);
    bytes += (text.body?.length ?? 0) + (text.headers ?? []).reduce((sum, h) => sum + h.value.length, 0);
    if (bytes > PAGE_BUDGET_BYTES && messages.length > 0) break;
    messages.push(toMessage(scope.grantId, row, text));
  }
  return { messages };
}

/** One message; 404 when the grant has none of this id. */
export async function messageRow(sql: Sql, scope: Scope, id: string): Promise<MessageRow> {
  const row = await getMessageRow(sql, scope, id);
  if (!row) throw notFound();
  return row;
}
