import { quoted } from '../../mail/search/document.ts';
import { grantKey } from '../../mail/search/keys.ts';
import { allOf } from '../../mail/search/tsquery.ts';
import type { Sql } from '../database.ts';
import type { Scope } from '../scope.ts';
import { documentKeys, type PeopleFilter } from './message-filter.ts';
import type { Narrowing } from './newest-matches.ts';
import { Parameters, type Statement } from './parameters.ts';
import { type Place, placeBelow, START } from './place.ts';

import { THREAD_COLUMNS, type ThreadRow } from './thread-rows.ts';

/** What a list of threads is narrowed by: what it sums up itself, and whom one of its messages is from or to. */
export interface ThreadFilter extends PeopleFilter {
  /** One of its messages lies in one of these. */
  folderIds?: string[];
  unread?: boolean;
  starred?: boolean;
  hasAttachment?: boolean;
  subject?: string;
  latestAfter?: number;
  latestBefore?: number;
  /** One of its messages is one of these, which the provider has found. */
  messageIds?: string[];
  /** Its first message came then or later. */
  earliestFrom?: number;
}

/** Threads that are asked one by one for what their messages are, before all messages are searched for it. */
const NEAR_THREADS = 500;

/** Threads with the newest message first, after a place in that order. */
export async function listThreadRows(
  sql: Sql,
  scope: Scope,
  filter: ThreadFilter,
  after: Place | null,
  limit: number,
): Promise<ThreadRow[]> {
  const below = placeBelow(after ?? START, filter.latestBefore);
  const ask = ({ text, values }: Statement) => sql.fresh<ThreadRow>(text, values);
  if (keysOf(filter).length === 0 && !filter.folderIds) {
    const { text, values } = threadStatement(scope, filter, below, limit);
    const narrowed = Object.values(filter).some((value) => value !== undefined);
    return narrowed ? sql.fresh(text, values) : sql.rows(text, values);
  }
  // What is common fills a page out of the newest threads; what is rare is quickly found by the inverted index.
  const near = await ask(nearThreadsStatement(scope, filter, below, limit));
  if (near.length >= limit || !(await sql.fresh(...beyondNear(scope, filter, below))).length) return near;
  return ask(foundThreadsStatement(scope, filter, below, limit));
}

/** Tsqueries for one message of a thread: whom it is from or to, or else what the thread's subject is made of. */
function keysOf({ subject, ...people }: ThreadFilter): string[] {
  const keys = documentKeys(people);
  return keys.length > 0 ? keys : documentKeys({ subject });
}

function threadStatement(scope: Scope, filter: ThreadFilter, below: Place, limit: number): Statement {
  const parameters = parametersFor(scope, below, limit);
  return {
    text: `SELECT ${THREAD_COLUMNS} FROM threads t
      WHERE t.application_id = $1 AND t.grant_id = $2 AND (t.latest_date, t.id) < ($3::bigint, $4::text)
        ${threadConditions(filter, parameters)}
      ORDER BY t.latest_date DESC, t.id DESC LIMIT $5`,
    values: parameters.values,
  };
}

/**
 * The newest threads, and of those that are narrowed by their own counts, which are indexed, the newest of these. Beyond
 * them there is nothing, unless there is one after so many.
 */
function nearThreads(filter: ThreadFilter, limit: string): string {
  return `SELECT * FROM threads t WHERE t.application_id = $1 AND t.grant_id = $2
      AND (t.latest_date, t.id) < ($3::bigint, $4::text) ${countConditions(filter).join(' ')}
    ORDER BY t.latest_date DESC, t.id DESC ${limit}`;
}

function beyondNear(scope: Scope, filter: ThreadFilter, below: Place): [string, unknown[]] {
  const text = `SELECT 1 FROM (${nearThreads(filter, `OFFSET ${NEAR_THREADS} LIMIT 1`)}) AS t`;
  return [text, [scope.applicationId, scope.grantId, below.date, below.id]];
}

/** Looks at the newest threads only. The function behind `@@` keeps the planner from searching all messages for each. */
function nearThreadsStatement(scope: Scope, filter: ThreadFilter, below: Place, limit: number): Statement {
  const parameters = parametersFor(scope, below, limit);
  const conditions = threadConditions(filter, parameters);
  const keys = keysOf(filter);
  const matches =
    keys.length === 0
      ? ''
      : `AND EXISTS (
        SELECT 1 FROM messages m JOIN message_search s ON s.grant_id = m.grant_id AND s.message_id = m.id
        WHERE m.grant_id = $2 AND m.thread_id = t.id
          AND ts_match_vq(s.document, ${parameters.add(allOf(keys))}::tsquery))`;
  return {
    text: `SELECT ${THREAD_COLUMNS} FROM (${nearThreads(filter, `LIMIT ${NEAR_THREADS}`)}) AS t
      WHERE t.grant_id = $2 ${conditions} ${matches}
      ORDER BY t.latest_date DESC, t.id DESC LIMIT $5`,
    values: parameters.values,
  };
}

function foundThreadsStatement(scope: Scope, filter: ThreadFilter, below: Place, limit: number): Statement {
  const parameters = parametersFor(scope, below, limit);
  const { folderIds, ...others } = filter;
  const keys = keysOf(filter);
  const conditions = threadConditions(keys.length > 0 ? filter : others, parameters);
  const by =
    keys.length > 0
      ? foundByKeys(parameters.add(allOf([...keys, quoted(grantKey(scope.grantId))])))
      : foundInFolders(parameters.add(folderIds));
  return {
    text: `SELECT ${THREAD_COLUMNS} FROM (${by}) AS f
      JOIN threads t ON t.grant_id = $2 AND t.id = f.thread_id
      WHERE t.application_id = $1 AND (t.latest_date, t.id) < ($3::bigint, $4::text) ${conditions}
      ORDER BY t.latest_date DESC, t.id DESC LIMIT $5`,
    values: parameters.values,
  };
}

function foundByKeys(document: string): string {
  return `SELECT DISTINCT m.thread_id FROM message_search s
    JOIN messages m ON m.grant_id = s.grant_id AND m.id = s.message_id
    WHERE s.grant_id = $2 AND s.document @@ ${document}::tsquery`;
}

function foundInFolders(folderIds: string): string {
  return `SELECT DISTINCT m.thread_id FROM message_locations l
    JOIN messages m ON m.grant_id = l.grant_id AND m.id = l.message_id
    WHERE l.grant_id = $2 AND l.folder_id = ANY(${folderIds}::text[])`;
}

function parametersFor(scope: Scope, below: Place, limit: number): Parameters {
  const parameters = new Parameters(scope.applicationId, scope.grantId);
  for (const value of [below.date, below.id, limit]) parameters.add(value);
  return parameters;
}

/** Conditions on the counts of a thread; written out rather than as values, so that the partial indexes can serve them. */
function countConditions({ unread, starred }: ThreadFilter): string[] {
  const conditions = ['AND t.message_count > 0'];
  const some = (count: string, wanted: boolean | undefined) => {
    if (wanted !== undefined) conditions.push(`AND t.${count} ${wanted ? '>' : '='} 0`);
  };
  some('unread_count', unread);
  some('starred_count', starred);
  return conditions;
}

/** What the row of a thread answers, as conditions on `t` that each begin with AND. */
function threadConditions(filter: ThreadFilter, parameters: Parameters): string {
  const conditions = countConditions(filter);
  if (filter.hasAttachment !== undefined)
    conditions.push(`AND ${filter.hasAttachment ? '' : 'NOT '}t.has_attachments`);
  if (filter.latestAfter !== undefined)
    conditions.push(`AND t.latest_date > ${parameters.add(filter.latestAfter)}::bigint`);
  if (filter.latestBefore !== undefined)
    conditions.push(`AND t.latest_date < ${parameters.add(filter.latestBefore)}::bigint`);
  if (filter.earliestFrom !== undefined)
    conditions.push(`AND t.earliest_date >= ${parameters.add(filter.earliestFrom)}::bigint`);
  if (filter.messageIds !== undefined)
    conditions.push(`AND t.id IN (SELECT f.thread_id FROM messages f
      WHERE f.grant_id = $2 AND f.id = ANY(${parameters.add(filter.messageIds)}::text[]))`);
  if (filter.subject !== undefined)
    conditions.push(`AND position(lower(${parameters.add(filter.subject)}) IN lower(t.subject)) > 0`);
  // OFFSET has the few messages of the thread looked at. Before there are statistics, as in a first sync, the planner
  // would go through all mail of the folder for each thread.
  if (filter.folderIds)
    conditions.push(`AND EXISTS (SELECT 1 FROM messages n WHERE n.grant_id = $2 AND n.thread_id = t.id
      AND n.folder_ids && ${parameters.add(filter.folderIds)}::text[] OFFSET 0)`);
  return conditions.join(' ');
}

/**
 * A search for messages whose thread passes the filter. `shown`: threads with a match from one place up to another
 * have been shown already.
 */
export function threadNarrowing(
  filter: ThreadFilter,
  document: string,
  shown: { from: Place; upTo: Place } | null,
): Narrowing {
  const { subject: _ownSubject, ...people } = filter;
  const keys = documentKeys(people);
  return {
    keys,
    filter: {},
    conditions: (parameters) => ({
      joins: `JOIN messages m ON m.grant_id = s.grant_id AND m.id = s.message_id
        JOIN threads t ON t.grant_id = m.grant_id AND t.id = m.thread_id`,
      conditions: `${threadConditions(filter, parameters)} ${shown ? notShown(allOf([document, ...keys]), shown, parameters) : ''}`,
    }),
  };
}

function notShown(
  document: string,
  { from, upTo }: { from: Place; upTo: Place },
  parameters: Parameters,
): string {
  const place = ({ date, id }: Place) => `(${parameters.add(date)}::bigint, ${parameters.add(id)}::text)`;
  return `AND NOT EXISTS (SELECT 1 FROM messages n
    JOIN message_search x ON x.grant_id = n.grant_id AND x.message_id = n.id
    WHERE n.grant_id = $2 AND n.thread_id = m.thread_id AND (n.date, n.id) >= ${place(from)}
      AND (n.date, n.id) <= ${place(upTo)} AND ts_match_vq(x.document, ${parameters.add(document)}::tsquery))`;
}
