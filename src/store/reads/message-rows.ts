import type { Sql } from '../database.ts';
import type { Scope } from '../scope.ts';

export interface StoredParticipant {
  name?: string;
  email: string;
}

/** One attachment as it is kept in `messages.attachments`; offset and length bound the encoded bytes in the raw mail. */
export interface StoredAttachment {
  id: string;
  filename: string | null;
  content_type: string;
  size: number;
  is_inline: boolean;
  content_id: string | null;
  content_disposition: string | null;
  part: string;
  encoding: string;
  offset: number;
  length: number;
  sha256: string;
}

/** The hot part of a message: no body, no headers. */
export interface MessageRow {
  id: string;
  threadId: string;
  subject: string;
  from: StoredParticipant[];
  to: StoredParticipant[];
  cc: StoredParticipant[];
  bcc: StoredParticipant[];
  replyTo: StoredParticipant[];
  date: number;
  snippet: string;
  folderIds: string[];
  unread: boolean;
  starred: boolean;
  draft: boolean;
  attachments: StoredAttachment[];
  metadata: Record<string, string>;
  size: number;
}

export const MESSAGE_COLUMNS = `m.id, m.thread_id AS "threadId", m.subject, m."from", m."to", m.cc, m.bcc,
  m.reply_to AS "replyTo", m.date, m.snippet, m.folder_ids AS "folderIds", m.unread, m.starred, m.draft, m.attachments,
  m.metadata, m.size`;

/** One message of the grant. */
export async function getMessageRow(sql: Sql, scope: Scope, id: string): Promise<MessageRow | undefined> {
  const [row] = await sql.rows<MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages m WHERE m.application_id = $1 AND m.grant_id = $2 AND m.id = $3`,
    [scope.applicationId, scope.grantId, id],
  );
  return row;
}

/** Several messages in one statement. */
export async function getMessageRows(
  sql: Sql,
  scope: Scope,
  ids: string[],
): Promise<Map<string, MessageRow>> {
  const rows = await sql.rows<MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages m WHERE m.application_id = $1 AND m.grant_id = $2 AND m.id = ANY($3)`,
    [scope.applicationId, scope.grantId, ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Body and headers, as compressed in the store. */
export interface BodyRow {
  messageId: string;
  body: Buffer | null;
  headers: Buffer | null;
}

/** The bodies of several messages in one statement; null for the half that is not wanted. */
export async function getBodies(
  sql: Sql,
  scope: Scope,
  messageIds: string[],
  wanted: { body: boolean; headers: boolean },
): Promise<Map<string, BodyRow>> {
  if (messageIds.length === 0 || (!wanted.body && !wanted.headers)) return new Map();
  const rows = await sql.rows<BodyRow>(
    `SELECT message_id AS "messageId", CASE WHEN $4 THEN body END AS body, CASE WHEN $5 THEN headers END AS headers
     FROM message_bodies WHERE application_id = $1 AND grant_id = $2 AND message_id = ANY($3)`,
    [scope.applicationId, scope.grantId, messageIds, wanted.body, wanted.headers],
  );
  return new Map(rows.map((row) => [row.messageId, row]));
}

/** Where the raw copy of a message lies, and what it must be. */
export interface RawPlace {
  messageId: string;
  size: number;
  sha256: Buffer;
  object: string | null;
  offset: number | null;
  /** Milliseconds since 1970; null when there never was a copy. */
  storedAt: number | null;
}

export async function getRawPlaces(
  sql: Sql,
  scope: Scope,
  messageIds: string[],
): Promise<Map<string, RawPlace>> {
  const rows = await sql.rows<RawPlace>(
    `SELECT id AS "messageId", size, sha256, raw_object AS object, raw_offset AS offset,
       (extract(epoch FROM raw_stored_at) * 1000)::bigint AS "storedAt"
     FROM messages WHERE application_id = $1 AND grant_id = $2 AND id = ANY($3)`,
    [scope.applicationId, scope.grantId, messageIds],
  );
  return new Map(rows.map((row) => [row.messageId, row]));
}
