import type { Draft, Message } from '../../model/message.ts';
import type { Thread } from '../../model/thread.ts';
import type { Sql } from '../../store/database.ts';
import type { MessageRow } from '../../store/reads/message-rows.ts';
import type { RankedMatch, Search } from '../../store/reads/ranked-matches.ts';
import { listThreadRows, type ThreadFilter, threadNarrowing } from '../../store/reads/thread-list.ts';
import {
  getLatestMessages,
  getThreadContents,
  getThreadParticipants,
  getThreadRows,
  type ThreadRow,
} from '../../store/reads/thread-rows.ts';
import type { Scope } from '../../store/scope.ts';
import type { Position } from '../pagination.ts';
import { Bodies } from './bodies.ts';
import { PAGE_BUDGET_BYTES } from './page-budget.ts';
import { type Narrow, type Ranked, rankedPage } from './ranked.ts';
import { newestRows, type RowPage, rankedRows } from './row-page.ts';
import { toMessage, toParticipant } from './shapes.ts';

/** A page of threads, newest first, or by their best message when something is searched. */
export async function pageOfThreads(
  sql: Sql,
  scope: Scope,
  filter: ThreadFilter,
  search: Search | null,
  position: Position | null,
  limit: number,
): Promise<RowPage<ThreadRow>> {
  if (search) {
    const narrow: Narrow = (shown) => threadNarrowing(filter, search.document, shown);
    const ranked = await rankedPage(sql, scope, search, narrow, gatherThreads, position, limit);
    return rankedRows(ranked, (ids) => getThreadRows(sql, scope, ids));
  }
  const after = position && { date: Number(position[0]), id: String(position[1]) };
  const rows = await listThreadRows(sql, scope, filter, after, limit + 1);
  return newestRows(rows, limit, (row) => [row.latestDate, row.id]);
}

/** Matches gathered by thread: its best score, and the date of its newest match. */
function gatherThreads(matches: RankedMatch[]): Ranked[] {
  const threads = new Map<string, Ranked>();
  for (const { threadId, score, date } of matches) {
    const thread = threads.get(threadId);
    if (thread) thread.score = Math.max(thread.score, score);
    else threads.set(threadId, { id: threadId, score, date });
  }
  return [...threads.values()];
}

/**
 * Rows of threads as public objects, as many from the start as the budget of a page allows, and at least one.
 * The number of statements is the same for one thread and for a page of them.
 */
export async function toThreads(
  sql: Sql,
  scope: Scope,
  rows: ThreadRow[],
  latest: boolean,
): Promise<Thread[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const contents = await getThreadContents(sql, scope, ids);
  const participants = await getThreadParticipants(sql, scope, ids);
  const newest = latest ? await getLatestMessages(sql, scope, ids) : new Map<string, MessageRow>();
  const newestIds = [...newest.values()].map((row) => row.id);
  const bodies = await Bodies.read(sql, scope, newestIds, {
    body: latest,
    headers: 'none',
    tracking: false,
  });
  const threads: Thread[] = [];
  let bytes = 0;
  for (const row of rows) {
    const newestRow = newest.get(row.id);
    let message: Message | Draft | undefined;
    if (newestRow) {
      const text = await bodies.open(newestRow.id);
      bytes += text.body?.length ?? 0;
      if (bytes > PAGE_BUDGET_BYTES && threads.length > 0) break;
      message = toMessage(scope.grantId, newestRow, text);
      if (newestRow.draft) message = { ...message, object: 'draft' };
    }
    const inside = contents.get(row.id);
    threads.push({
      id: row.id,
      object: 'thread',
      grant_id: scope.grantId,
      subject: row.subject,
      snippet: row.snippet,
      participants: (participants.get(row.id) ?? []).map(toParticipant),
      unread: row.unreadCount > 0,
      starred: row.starredCount > 0,
      has_attachments: row.hasAttachments,
      has_drafts: row.hasDrafts,
      earliest_message_date: row.earliestDate,
      ...(row.latestReceivedDate === null ? {} : { latest_message_received_date: row.latestReceivedDate }),
      ...(row.latestSentDate === null ? {} : { latest_message_sent_date: row.latestSentDate }),
      message_ids: inside?.messageIds ?? [],
      draft_ids: inside?.draftIds ?? [],
      folders: inside?.folderIds ?? [],
      ...(message ? { latest_draft_or_message: message } : {}),
    });
  }
  return threads;
}
