import type { Sql } from '../database.ts';
import type { Scope } from '../scope.ts';
import { MESSAGE_COLUMNS, type MessageRow, type StoredParticipant } from './message-rows.ts';

export interface ThreadRow {
  id: string;
  subject: string;
  snippet: string;
  earliestDate: number;
  latestDate: number;
  latestReceivedDate: number | null;
  latestSentDate: number | null;
  unreadCount: number;
  starredCount: number;
  hasAttachments: boolean;
  hasDrafts: boolean;
}

/** What a list of threads is narrowed by; addresses come normalised. */
export interface ThreadFilter {
  folderIds?: string[];
  unread?: boolean;
  starred?: boolean;
  hasAttachment?: boolean;
  subject?: string;
  anyEmail?: string[];
  latestAfter?: number;
  latestBefore?: number;
}

const SELECT = `SELECT t.id, t.subject, t.snippet, t.earliest_date AS "earliestDate", t.latest_date AS "latestDate",
  t.latest_received_date AS "latestReceivedDate", t.latest_sent_date AS "latestSentDate",
  t.unread_count AS "unreadCount", t.starred_count AS "starredCount", t.has_attachments AS "hasAttachments",
  t.has_drafts AS "hasDrafts"
  FROM threads t WHERE t.application_id = $1 AND t.grant_id = $2 AND t.message_count > 0`;

/** Threads with the newest message first, after a position of the same order. */
export async function listThreadRows(
  sql: Sql,
  scope: Scope,
  filter: ThreadFilter,
  after: { date: number; id: string } | null,
  limit: number,
): Promise<ThreadRow[]> {
  // Two statements rather than one that asks `IS NULL OR`: only a plain condition may start from the folder.
  const inFolders = filter.folderIds
    ? `AND t.id IN (SELECT m.thread_id FROM message_locations l
         JOIN messages m ON m.grant_id = l.grant_id AND m.id = l.message_id
         WHERE l.grant_id = $2 AND l.folder_id = ANY($12))`
    : 'AND $12::text[] IS NULL';
  return sql.rows<ThreadRow>(
    `${SELECT} ${inFolders} AND (t.latest_date, t.id) < ($3::bigint, $4::text)
       AND ($6::boolean IS NULL OR (t.unread_count > 0) = $6)
       AND ($7::boolean IS NULL OR (t.starred_count > 0) = $7)
       AND ($8::boolean IS NULL OR t.has_attachments = $8)
       AND ($9::text IS NULL OR position(lower($9) IN lower(t.subject)) > 0)
       AND ($10::bigint IS NULL OR t.latest_date > $10) AND ($11::bigint IS NULL OR t.latest_date < $11)
       AND ($13::text[] IS NULL OR EXISTS (SELECT 1 FROM messages m
         WHERE m.grant_id = $2 AND m.thread_id = t.id AND m.participants && $13))
     ORDER BY t.latest_date DESC, t.id DESC LIMIT $5`,
    [
      scope.applicationId,
      scope.grantId,
      after?.date ?? Number.MAX_SAFE_INTEGER,
      after?.id ?? '',
      limit,
      filter.unread ?? null,
      filter.starred ?? null,
      filter.hasAttachment ?? null,
      filter.subject ?? null,
      filter.latestAfter ?? null,
      filter.latestBefore ?? null,
      filter.folderIds ?? null,
      filter.anyEmail ?? null,
    ],
  );
}

export async function getThreadRow(sql: Sql, scope: Scope, id: string): Promise<ThreadRow | undefined> {
  const [row] = await sql.rows<ThreadRow>(`${SELECT} AND t.id = $3`, [
    scope.applicationId,
    scope.grantId,
    id,
  ]);
  return row;
}

/** What a thread gathers from its messages. */
export interface ThreadContents {
  threadId: string;
  messageIds: string[];
  draftIds: string[];
  folderIds: string[];
}

/** The contents of a page of threads, oldest message first, in one statement. */
export async function getThreadContents(
  sql: Sql,
  scope: Scope,
  threadIds: string[],
): Promise<Map<string, ThreadContents>> {
  const rows = await sql.rows<ThreadContents>(
    `SELECT thread_id AS "threadId", "messageIds", "draftIds", coalesce("folderIds", '{}') AS "folderIds"
     FROM (
       SELECT m.thread_id,
         coalesce(array_agg(m.id ORDER BY m.date, m.id) FILTER (WHERE NOT m.draft), '{}') AS "messageIds",
         coalesce(array_agg(m.id ORDER BY m.date, m.id) FILTER (WHERE m.draft), '{}') AS "draftIds"
       FROM messages m WHERE m.application_id = $1 AND m.grant_id = $2 AND m.thread_id = ANY($3)
       GROUP BY m.thread_id) ids
     LEFT JOIN (
       SELECT m.thread_id, array_agg(DISTINCT f) AS "folderIds"
       FROM messages m, unnest(m.folder_ids) f
       WHERE m.application_id = $1 AND m.grant_id = $2 AND m.thread_id = ANY($3)
       GROUP BY m.thread_id) folders USING (thread_id)`,
    [scope.applicationId, scope.grantId, threadIds],
  );
  return new Map(rows.map((row) => [row.threadId, row]));
}

/** Everyone who takes part in each thread, once per address, in the order in which they came in. */
export async function getThreadParticipants(
  sql: Sql,
  scope: Scope,
  threadIds: string[],
): Promise<Map<string, StoredParticipant[]>> {
  const rows = await sql.rows<{ threadId: string; participants: StoredParticipant[] }>(
    `SELECT thread_id AS "threadId", jsonb_agg(participant ORDER BY first_date, place) AS participants FROM (
       SELECT m.thread_id, min(m.date) AS first_date, min(p.place) AS place,
         jsonb_strip_nulls(jsonb_build_object(
           'name', (array_agg(p.value->>'name' ORDER BY m.date) FILTER (WHERE p.value->>'name' <> ''))[1],
           'email', (array_agg(p.value->>'email' ORDER BY m.date))[1])) AS participant
       FROM messages m,
         jsonb_array_elements(m."from" || m."to" || m.cc || m.bcc) WITH ORDINALITY AS p (value, place)
       WHERE m.application_id = $1 AND m.grant_id = $2 AND m.thread_id = ANY($3)
       GROUP BY m.thread_id, lower(p.value->>'email')) people
     GROUP BY thread_id`,
    [scope.applicationId, scope.grantId, threadIds],
  );
  return new Map(rows.map((row) => [row.threadId, row.participants]));
}

/** The newest message or draft of each thread. */
export async function getLatestMessages(
  sql: Sql,
  scope: Scope,
  threadIds: string[],
): Promise<Map<string, MessageRow>> {
  const rows = await sql.rows<MessageRow>(
    `SELECT DISTINCT ON (m.thread_id) ${MESSAGE_COLUMNS}
     FROM messages m WHERE m.application_id = $1 AND m.grant_id = $2 AND m.thread_id = ANY($3)
     ORDER BY m.thread_id, m.date DESC, m.id DESC`,
    [scope.applicationId, scope.grantId, threadIds],
  );
  return new Map(rows.map((row) => [row.threadId, row]));
}
