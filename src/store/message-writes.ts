import type { Sql } from './database.ts';
import { packed } from './packed.ts';
import type { Scope } from './scope.ts';
import { insertSearchRows, type SearchRow } from './search-writes.ts';

/** What a message has from its mail alone, wherever it lies. */
export interface MessageContent {
  messageId: string | null;
  inReplyTo: string | null;
  references: string[];
  /** Hex. */
  subjectKey: string | null;
  subject: string;
  from: unknown;
  to: unknown;
  cc: unknown;
  bcc: unknown;
  replyTo: unknown;
  participants: string[];
  snippet: string;
  hasAttachment: boolean;
  size: number;
  /** Hex. */
  sha256: string;
}

/** A message as it is inserted; its locations come in the same transaction. */
export interface NewMessage {
  /** JSON of a {@link MessageContent}, made where the mail was parsed. */
  content: string;
  id: string;
  threadId: string;
  fingerprint: Buffer;
  remoteId: string | null;
  date: number;
  unread: boolean;
  starred: boolean;
  answered: boolean;
  draft: boolean;
  sent: boolean;
  folderIds: string[];
  attachments: unknown[];
  parseError: string | null;
  rawObject: string | null;
  rawOffset: number | null;
  body: Buffer;
  headers: Buffer;
  search: SearchRow;
}

/** Inserts messages, their bodies and what they are found by: three statements, whatever the number. */
export async function insertMessages(
  sql: Sql,
  scope: Scope,
  messages: NewMessage[],
  now: Date,
): Promise<void> {
  if (messages.length === 0) return;
  const rows = sql.run(
    `INSERT INTO messages (application_id, grant_id, id, thread_id, fingerprint, remote_id, message_id, in_reply_to, "references",
       subject_key, subject, "from", "to", cc, bcc, reply_to, participants, date, snippet, unread, starred, answered, draft, sent,
       folder_ids, attachments, has_attachment, size, sha256, parse_error, raw_object, raw_offset, raw_stored_at, created_at, updated_at)
     SELECT $1, $2, m.id, m."threadId", decode(m.fingerprint, 'hex'), m."remoteId", m."messageId", m."inReplyTo", m."references",
       decode(m."subjectKey", 'hex'), m.subject, m."from", m."to", m.cc, m.bcc, m."replyTo", m.participants, m.date, m.snippet,
       m.unread, m.starred, m.answered, m.draft, m.sent, m."folderIds", m.attachments, m."hasAttachment", m.size,
       decode(m.sha256, 'hex'), m."parseError", m."rawObject", m."rawOffset",
       CASE WHEN m."rawObject" IS NULL THEN NULL ELSE $4::timestamptz END, $4, $4
     FROM json_to_recordset($3::json) AS m (id text, "threadId" text, fingerprint text, "remoteId" text, "messageId" text,
       "inReplyTo" text, "references" text[], "subjectKey" text, subject text, "from" jsonb, "to" jsonb, cc jsonb, bcc jsonb,
       "replyTo" jsonb, participants text[], date bigint, snippet text, unread boolean, starred boolean, answered boolean,
       draft boolean, sent boolean, "folderIds" text[], attachments jsonb, "hasAttachment" boolean, size bigint, sha256 text,
       "parseError" text, "rawObject" text, "rawOffset" bigint)`,
    [scope.applicationId, scope.grantId, `[${messages.map(rowJson).join(',')}]`, now],
  );
  const bodies = packed(messages.map((m) => m.body));
  const headers = packed(messages.map((m) => m.headers));
  const contents = sql.run(
    `INSERT INTO message_bodies (application_id, grant_id, message_id, body, headers)
     SELECT $1, $2, p.id, substr($4::bytea, p.body_at, p.body_length), substr($7::bytea, p.headers_at, p.headers_length)
     FROM unnest($3::text[], $5::int[], $6::int[], $8::int[], $9::int[]) AS p (id, body_at, body_length, headers_at, headers_length)`,
    [
      scope.applicationId,
      scope.grantId,
      messages.map((m) => m.id),
      ...[bodies.bytes, bodies.at, bodies.lengths],
      ...[headers.bytes, headers.at, headers.lengths],
    ],
  );
  const search = messages.map((m) => m.search);
  await Promise.all([rows, contents, insertSearchRows(sql, scope, search)]);
}

/** A message's row as JSON: what is known of its place, with the content that has been written already. */
function rowJson({
  content,
  body: _body,
  headers: _headers,
  search: _search,
  ...message
}: NewMessage): string {
  const place = JSON.stringify({ ...message, fingerprint: message.fingerprint.toString('hex') });
  return `${place.slice(0, -1)},${content.slice(1)}`;
}

/** A message that may be the same as one that arrives. */
export interface Candidate {
  id: string;
  fingerprint: Buffer;
  remoteId: string | null;
  hasMessageId: boolean;
  size: number;
  date: number;
  locations: { folderId: string; uidValidity: number; uid: number; gone: boolean }[];
}

/**
 * Messages with one of these fingerprints, header digests (the first half of one) or stable ids,
 * with all their locations.
 */
export async function findCandidates(
  sql: Sql,
  scope: Scope,
  keys: { fingerprints: Buffer[]; headerDigests: Buffer[]; remoteIds: string[]; ids?: string[] },
): Promise<Candidate[]> {
  const rows = await sql.rows<Candidate>(
    `WITH found AS (
       SELECT id FROM messages WHERE grant_id = $1 AND fingerprint = ANY($2::bytea[])
       UNION SELECT id FROM messages WHERE grant_id = $1 AND remote_id = ANY($3::text[])
       UNION SELECT id FROM messages WHERE grant_id = $1 AND id = ANY($5::text[])
       UNION SELECT m.id FROM unnest($4::bytea[]) AS d (digest) JOIN messages m
         ON m.grant_id = $1 AND m.fingerprint >= d.digest AND m.fingerprint <= d.digest || decode('ffffffffffffffffffffffffffffffff', 'hex')
     )
     SELECT m.id, m.fingerprint, m.remote_id AS "remoteId", m.message_id IS NOT NULL AS "hasMessageId", m.size, m.date,
       coalesce((SELECT json_agg(json_build_object('folderId', l.folder_id, 'uidValidity', l.uid_validity, 'uid', l.uid,
         'gone', l.gone_at IS NOT NULL)) FROM message_locations l WHERE l.grant_id = $1 AND l.message_id = m.id), '[]') AS locations
     FROM found JOIN messages m ON m.grant_id = $1 AND m.id = found.id`,
    [scope.grantId, keys.fingerprints, keys.remoteIds, keys.headerDigests, keys.ids ?? []],
  );
  return rows;
}

/** A message after its locations have changed. */
export interface RefreshedMessage {
  id: string;
  threadId: string;
  folderIds: string[];
  unread: boolean;
  starred: boolean;
  date: number;
}

/** Sums messages up from their locations again; returns those that look different now. */
export async function refreshMessages(
  sql: Sql,
  scope: Scope,
  ids: string[],
  now: Date,
): Promise<RefreshedMessage[]> {
  if (ids.length === 0) return [];
  return sql.rows(
    `WITH summed AS (
       SELECT l.message_id, array_agg(DISTINCT l.folder_id::text ORDER BY l.folder_id::text) AS folder_ids,
         bool_and(NOT l.seen) AS unread, bool_or(l.flagged) AS starred, bool_or(l.answered) AS answered,
         bool_or(l.draft OR f.special_use IS NOT DISTINCT FROM '\\Drafts') AS draft
       FROM message_locations l JOIN folders f ON f.grant_id = l.grant_id AND f.id = l.folder_id
       WHERE l.grant_id = $1 AND l.message_id = ANY($2::text[]) GROUP BY l.message_id
     )
     UPDATE messages m SET folder_ids = s.folder_ids, unread = s.unread, starred = s.starred, answered = s.answered,
       draft = s.draft, updated_at = $3
     FROM summed s WHERE m.grant_id = $1 AND m.id = s.message_id
       AND (m.folder_ids, m.unread, m.starred, m.answered, m.draft)
         IS DISTINCT FROM (s.folder_ids, s.unread, s.starred, s.answered, s.draft)
     RETURNING m.id, m.thread_id AS "threadId", m.folder_ids AS "folderIds", m.unread, m.starred, m.date`,
    [scope.grantId, ids, now],
  );
}

/** Deletes those of the messages that have no location left. */
export async function deleteUnlocated(
  sql: Sql,
  scope: Scope,
  ids: string[],
): Promise<{ id: string; threadId: string; folderIds: string[] }[]> {
  if (ids.length === 0) return [];
  return sql.rows(
    `DELETE FROM messages m WHERE m.grant_id = $1 AND m.id = ANY($2::text[])
       AND NOT EXISTS (SELECT 1 FROM message_locations l WHERE l.grant_id = $1 AND l.message_id = m.id)
     RETURNING m.id, m.thread_id AS "threadId", m.folder_ids AS "folderIds"`,
    [scope.grantId, ids],
  );
}
