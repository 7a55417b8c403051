import type { Sql } from '../database.ts';
import type { Scope } from '../scope.ts';
import { MESSAGE_COLUMNS, type MessageRow } from './message-rows.ts';

/** What a list of messages is narrowed by; addresses come normalised, text as typed. */
export interface MessageFilter {
  folderIds?: string[];
  threadId?: string;
  unread?: boolean;
  starred?: boolean;
  hasAttachment?: boolean;
  subject?: string;
  anyEmail?: string[];
  from?: string[];
  to?: string[];
  cc?: string[];
  bcc?: string[];
  receivedAfter?: number;
  receivedBefore?: number;
}

/** Before the newest of all. */
const START = [Number.MAX_SAFE_INTEGER, ''] as const;

const HAS = (column: string, parameter: string) =>
  `(${parameter}::text[] IS NULL OR EXISTS (
      SELECT 1 FROM jsonb_array_elements(${column}) p WHERE lower(p->>'email') = ANY(${parameter})))`;

/**
 * Newest first, after a position of the same order. One statement for all filters, so that the number of
 * prepared statements does not grow with their combinations; the index gives the order, the rest is checked per row.
 */
const LIST = (access: string) => `SELECT ${MESSAGE_COLUMNS}
  FROM messages m
  WHERE m.application_id = $1 AND m.grant_id = $2 AND (m.date, m.id) < ($3::bigint, $4::text)
    AND ($6::boolean IS NULL OR m.unread = $6) AND ($7::boolean IS NULL OR m.starred = $7)
    AND ($8::boolean IS NULL OR m.has_attachment = $8)
    AND ($9::text IS NULL OR position(lower($9) IN lower(m.subject)) > 0)
    AND ($10::text[] IS NULL OR m.participants && $10)
    AND ${HAS('m."from"', '$11')} AND ${HAS('m."to"', '$12')} AND ${HAS('m.cc', '$13')} AND ${HAS('m.bcc', '$14')}
    AND ($15::bigint IS NULL OR m.date > $15) AND ($16::bigint IS NULL OR m.date < $16) ${access}
  ORDER BY m.date DESC, m.id DESC LIMIT $5`;

const ALL = LIST('AND $17::text[] IS NULL AND $18::text IS NULL');
const IN_THREAD = LIST('AND $17::text[] IS NULL AND m.thread_id = $18');
const IN_FOLDERS = LIST(`AND ($18::text IS NULL OR m.thread_id = $18) AND EXISTS (
    SELECT 1 FROM message_locations l
    WHERE l.grant_id = $2 AND l.message_id = m.id AND l.folder_id = ANY($17))`);

export async function listMessageRows(
  sql: Sql,
  scope: Scope,
  filter: MessageFilter,
  after: { date: number; id: string } | null,
  limit: number,
): Promise<MessageRow[]> {
  const text = filter.folderIds ? IN_FOLDERS : filter.threadId !== undefined ? IN_THREAD : ALL;
  return sql.rows<MessageRow>(text, [
    scope.applicationId,
    scope.grantId,
    after?.date ?? START[0],
    after?.id ?? START[1],
    limit,
    filter.unread ?? null,
    filter.starred ?? null,
    filter.hasAttachment ?? null,
    filter.subject ?? null,
    filter.anyEmail ?? null,
    filter.from ?? null,
    filter.to ?? null,
    filter.cc ?? null,
    filter.bcc ?? null,
    filter.receivedAfter ?? null,
    filter.receivedBefore ?? null,
    filter.folderIds ?? null,
    filter.threadId ?? null,
  ]);
}
