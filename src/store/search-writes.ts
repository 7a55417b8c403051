import { WORD_RULES } from '../mail/search/words.ts';
import type { Sql } from './database.ts';
import { packed } from './packed.ts';
import type { StoredParticipant } from './reads/message-rows.ts';
import type { Scope } from './scope.ts';

/** What a message is found by. */
export interface SearchRow {
  messageId: string;
  date: number;
  /** In lower case. */
  subject: string;
  /** A tsvector as text, in UTF-8. */
  document: Uint8Array;
  /** The keys of its owner, to be put behind it. */
  owner: string;
}

/** Puts new messages into the inverted index. */
export async function insertSearchRows(sql: Sql, scope: Scope, rows: SearchRow[]): Promise<void> {
  if (rows.length === 0) return;
  await sql.run(
    `INSERT INTO message_search (application_id, grant_id, message_id, date, subject, document, version)
     SELECT $1, $2, d.id, d.date, d.subject, (convert_from(substr($7::bytea, d.at, d.length), 'UTF8') || ' ' || d.owner)::tsvector, ${WORD_RULES}
     FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $8::int[], $9::int[]) AS d (id, date, subject, owner, at, length)`,
    [scope.applicationId, scope.grantId, ...columnsOf(rows)],
  );
}

/** Puts messages that are not in the inverted index, because an older mailquay wrote them, into it without words. */
export async function insertMissingSearchRows(sql: Sql, scope: Scope): Promise<number> {
  return sql.run(
    `INSERT INTO message_search (application_id, grant_id, message_id, date, subject, document, version)
     SELECT $1, $2, m.id, m.date, lower(m.subject), ''::tsvector, 0 FROM messages m
     WHERE m.grant_id = $2
       AND NOT EXISTS (SELECT 1 FROM message_search s WHERE s.grant_id = $2 AND s.message_id = m.id)
     ON CONFLICT (grant_id, message_id) DO NOTHING`,
    [scope.applicationId, scope.grantId],
  );
}

/** A message whose document older rules made, with what a new one is made of. */
export interface StaleMessage {
  id: string;
  date: number;
  subject: string;
  from: StoredParticipant[];
  to: StoredParticipant[];
  cc: StoredParticipant[];
  bcc: StoredParticipant[];
  /** Those that the mail gives; the others have been named by us. */
  filenames: string[];
  /** zstd of the body; null when there is none. */
  body: Buffer | null;
}

/** Messages whose document older rules made, newest first, at most `limit`. */
export async function findStale(sql: Sql, scope: Scope, limit: number): Promise<StaleMessage[]> {
  return sql.rows(
    `SELECT m.id, m.date, m.subject, m."from", m."to", m.cc, m.bcc, b.body,
       ARRAY(SELECT a.value->>'filename' FROM jsonb_array_elements(m.attachments) AS a (value)
         WHERE a.value->>'filename' <> 'attachment-' || (a.value->>'part')) AS filenames
     FROM message_search s
     JOIN messages m ON m.grant_id = s.grant_id AND m.id = s.message_id
     LEFT JOIN message_bodies b ON b.grant_id = s.grant_id AND b.message_id = s.message_id
     WHERE s.grant_id = $1 AND s.version < ${WORD_RULES}
     ORDER BY s.date DESC, s.message_id DESC LIMIT $2`,
    [scope.grantId, limit],
  );
}

/** Gives messages new documents; those that are gone meanwhile stay gone. */
export async function updateSearchRows(sql: Sql, scope: Scope, rows: SearchRow[]): Promise<void> {
  if (rows.length === 0) return;
  await sql.run(
    `UPDATE message_search s SET date = d.date, subject = d.subject,
       document = (convert_from(substr($6::bytea, d.at, d.length), 'UTF8') || ' ' || d.owner)::tsvector, version = ${WORD_RULES}
     FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $7::int[], $8::int[]) AS d (id, date, subject, owner, at, length)
     WHERE s.grant_id = $1 AND s.message_id = d.id`,
    [scope.grantId, ...columnsOf(rows)],
  );
}

function columnsOf(rows: SearchRow[]): unknown[] {
  const documents = packed(rows.map((row) => row.document));
  return [
    rows.map((row) => row.messageId),
    rows.map((row) => row.date),
    rows.map((row) => row.subject),
    rows.map((row) => row.owner),
    ...[documents.bytes, documents.at, documents.lengths],
  ];
}
