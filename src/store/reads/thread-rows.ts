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

export const THREAD_COLUMNS = `t.id, t.subject, t.snippet, t.earliest_date AS "earliestDate", t.latest_date AS "latestDate",
  t.latest_received_date AS "latestReceivedDate", t.latest_sent_date AS "latestSentDate",
  t.unread_count AS "unreadCount", t.starred_count AS "starredCount", t.has_attachments AS "hasAttachments",
  t.has_drafts AS "hasDrafts"`;

export async function getThreadRow(sql: Sql, scope: Scope, id: string): Promise<ThreadRow | undefined> {
  return (await getThreadRows(sql, scope, [id])).get(id);
}

/** Several threads in one statement. */
export async function getThreadRows(sql: Sql, scope: Scope, ids: string[]): Promise<Map<string, ThreadRow>> {
  const rows = await sql.rows<ThreadRow>(
    `SELECT ${THREAD_COLUMNS} FROM threads t
     WHERE t.application_id = $1 AND t.grant_id = $2 AND t.message_count > 0 AND t.id = ANY($3)`,
    [scope.applicationId, scope.grantId, ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
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
