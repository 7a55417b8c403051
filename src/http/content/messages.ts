import type { Message } from '../../model/message.ts';
import { notFound } from '../../platform/errors.ts';
import type { Sql } from '../../store/database.ts';
import type { MessageFilter } from '../../store/reads/message-filter.ts';
import { listMessageRows } from '../../store/reads/message-list.ts';
import { getMessageRow, getMessageRows, type MessageRow } from '../../store/reads/message-rows.ts';
import { messageNarrowing } from '../../store/reads/newest-matches.ts';
import type { Search } from '../../store/reads/ranked-matches.ts';
import type { Scope } from '../../store/scope.ts';
import type { Position } from '../pagination.ts';
import { Bodies, type WantedParts } from './bodies.ts';
import { PAGE_BUDGET_BYTES } from './page-budget.ts';
import { rankedPage } from './ranked.ts';
import { newestRows, type RowPage, rankedRows } from './row-page.ts';
import { toMessage } from './shapes.ts';

/** A page of messages, newest first, or by relevance when something is searched. */
export async function pageOfMessages(
  sql: Sql,
  scope: Scope,
  filter: MessageFilter,
  search: Search | null,
  position: Position | null,
  limit: number,
): Promise<RowPage<MessageRow>> {
  if (search) {
    const narrowing = messageNarrowing(filter);
    const ranked = await rankedPage(
      sql,
      scope,
      search,
      () => narrowing,
      (found) => found,
      position,
      limit,
    );
    return rankedRows(ranked, (ids) => getMessageRows(sql, scope, ids));
  }
  const after = position && { date: Number(position[0]), id: String(position[1]) };
  const rows = await listMessageRows(sql, scope, filter, after, limit + 1);
  return newestRows(rows, limit, (row) => [row.date, row.id]);
}

/** Rows with their bodies, as many from the start as the budget of a page allows, and at least one. */
export async function withBodies(
  sql: Sql,
  scope: Scope,
  rows: MessageRow[],
  wanted: WantedParts,
): Promise<Message[]> {
  const ids = rows.map((row) => row.id);
  return composed(scope, rows, await Bodies.read(sql, scope, ids, wanted), wanted);
}

/** One message with its body; 404 when the grant has none of this id. */
export async function messageWithBody(
  sql: Sql,
  scope: Scope,
  id: string,
  wanted: WantedParts,
): Promise<Message> {
  const [row, bodies] = await Promise.all([
    messageRow(sql, scope, id),
    Bodies.read(sql, scope, [id], wanted),
  ]);
  return (await composed(scope, [row], bodies, wanted))[0]!;
}

async function composed(
  scope: Scope,
  rows: MessageRow[],
  bodies: Bodies,
  wanted: WantedParts,
): Promise<Message[]> {
  const messages: Message[] = [];
  let bytes = 0;
  for (const row of rows) {
    const text = await bodies.open(row.id);
    bytes += (text.body?.length ?? 0) + (text.headers ?? []).reduce((sum, h) => sum + h.value.length, 0);
    if (bytes > PAGE_BUDGET_BYTES && messages.length > 0) break;
    messages.push(toMessage(scope.grantId, row, text, wanted.tracking));
  }
  return messages;
}

/** One message; 404 when the grant has none of this id. */
export async function messageRow(sql: Sql, scope: Scope, id: string): Promise<MessageRow> {
  const row = await getMessageRow(sql, scope, id);
  if (!row) throw notFound();
  return row;
}
