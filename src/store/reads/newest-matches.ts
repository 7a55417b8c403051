import { quoted } from '../../mail/search/document.ts';
import { grantKey, subjectText, weekKey, weekOf } from '../../mail/search/keys.ts';
import { allOf, anyOf } from '../../mail/search/tsquery.ts';
import type { Sql } from '../database.ts';
import type { Scope } from '../scope.ts';
import { documentKeys, folderCondition, type MessageFilter, rowConditions } from './message-filter.ts';
import { MESSAGE_COLUMNS, type MessageRow } from './message-rows.ts';
import { Parameters, type Statement } from './parameters.ts';
import type { Place } from './place.ts';

/** How many of the newest messages the first question covers: what is common fills a page out of them. */
const NEAR_MESSAGES = 4_000;
/** The second question covers so many times as many weeks, the third all of them. */
const WIDER = 10;
/** Weeks that are named one by one: the index weighs each of them for each message. Who asks for more asks for all. */
const MAX_WEEKS = 60;
/** Where the rest of a filter leaves fewer messages than that, each of them is held against the search. */
const FEW_MESSAGES = 20_000;

/** One question to the messages of a grant. */
export interface Question {
  /** A tsquery for the weeks that it covers, or for all mail of the grant. */
  weeks: string;
  /** Begins with the few messages that the rest of the filter leaves, rather than with the inverted index. */
  fewMessages: boolean;
}

/** The newest messages below a place that the inverted index finds, at most `limit`. */
export async function newestMatches(
  sql: Sql,
  scope: Scope,
  filter: MessageFilter,
  below: Place,
  limit: number,
): Promise<MessageRow[]> {
  return widening(sql, scope, filter, below, limit, (question) => {
    const { text, values } = matchStatement(scope, filter, question, below, limit);
    return sql.fresh<MessageRow>(text, values);
  });
}

/**
 * Asks about the newest weeks below a place, and about more of them while fewer than `limit` rows come: an inverted
 * index gives all of its matches or none, and a common word has too many.
 */
export async function widening<Row>(
  sql: Sql,
  scope: Scope,
  filter: MessageFilter,
  below: Place,
  limit: number,
  ask: (question: Question) => Promise<Row[]>,
): Promise<Row[]> {
  const near = await nearWeeks(sql, scope, below);
  const everything = { weeks: quoted(grantKey(scope.grantId)), fewMessages: false };
  if (!near) return ask(everything);
  const oldest = filter.receivedAfter === undefined ? 0 : weekOf(filter.receivedAfter);
  const weeks = near.newest - near.oldest + 1;
  for (const count of [weeks, weeks * WIDER].filter((some) => some <= MAX_WEEKS)) {
    const from = near.newest - count + 1;
    const keys = weekKeys(scope.grantId, Math.max(from, oldest), near.newest);
    const rows = await ask({ weeks: keys, fewMessages: false });
    if (rows.length >= limit || from <= oldest) return rows;
    // The next question would not do either.
    if (rows.length * WIDER < limit && (await leavesFew(sql, scope, filter)))
      return ask({ ...everything, fewMessages: true });
  }
  return ask(everything);
}

/** The weeks of the newest messages below a place; null when there are so few that all can be asked at once. */
async function nearWeeks(
  sql: Sql,
  scope: Scope,
  below: Place,
): Promise<{ oldest: number; newest: number } | null> {
  const [near] = await sql.rows<{ count: number; oldest: number; newest: number }>(
    `SELECT count(*), min(n.date) AS oldest, max(n.date) AS newest FROM (
       SELECT m.date FROM messages m WHERE m.application_id = $1 AND m.grant_id = $2 AND (m.date, m.id) < ($3::bigint, $4::text)
       ORDER BY m.date DESC, m.id DESC LIMIT ${NEAR_MESSAGES}) AS n`,
    [scope.applicationId, scope.grantId, below.date, below.id],
  );
  if (!near || near.count < NEAR_MESSAGES) return null;
  return { oldest: weekOf(near.oldest), newest: weekOf(near.newest) };
}

/** Whether what the filter asks of rows and folders leaves few messages; only where an index can tell. */
async function leavesFew(sql: Sql, scope: Scope, filter: MessageFilter): Promise<boolean> {
  const isFew = async (parameters: Parameters, text: string) => {
    const [row] = await sql.fresh<{ count: number }>(text, parameters.values);
    return (row?.count ?? 0) < FEW_MESSAGES;
  };
  const { threadId, metadata, folderIds } = filter;
  const rows: MessageFilter = { threadId, metadata };
  for (const flag of ['unread', 'starred', 'hasAttachment'] as const) if (filter[flag]) rows[flag] = true;
  const ofRows = new Parameters(scope.applicationId, scope.grantId);
  const conditions = rowConditions(rows, ofRows);
  if (conditions) {
    const count = `SELECT count(*) FROM (SELECT 1 FROM messages m
      WHERE m.application_id = $1 AND m.grant_id = $2 ${conditions} LIMIT ${FEW_MESSAGES}) AS few`;
    if (await isFew(ofRows, count)) return true;
  }
  if (!folderIds) return false;
  const ofFolders = new Parameters(scope.applicationId, scope.grantId);
  return isFew(
    ofFolders,
    `SELECT count(*) FROM (SELECT 1 FROM message_locations l WHERE l.application_id = $1 AND l.grant_id = $2
       AND l.folder_id = ANY(${ofFolders.add(folderIds)}::text[]) LIMIT ${FEW_MESSAGES}) AS few`,
  );
}

/** A tsquery for the mail of a grant that came from one week to another, or all of it when they are too many. */
export function weekKeys(grantId: string, from: number, to: number): string {
  if (to - from >= MAX_WEEKS) return quoted(grantKey(grantId));
  const weeks = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return anyOf(weeks.map((week) => quoted(weekKey(grantId, week))));
}

/**
 * `f`: messages that match; `m`: the same behind the wall. The function behind `@@` is what no index can serve: it
 * makes the planner begin with the few messages.
 */
export const FOUND = (matching: Matching, limit: string) => `(
    SELECT s.message_id, s.date, s.head FROM message_search s ${matching.joins}
    WHERE s.grant_id = $2 AND ${matching.document} AND (s.date, s.message_id) < ($3::bigint, $4::text) ${matching.conditions}
    ORDER BY s.date DESC, s.message_id DESC LIMIT ${limit}) AS f
  JOIN messages m ON m.grant_id = $2 AND m.id = f.message_id`;

/** What of a statement finds messages in `message_search s`. */
export interface Matching extends MatchConditions {
  document: string;
}

/** What must hold of a match `s` beside its document; the row of the message is read only where it is asked for. */
interface MatchConditions {
  joins: string;
  conditions: string;
}

/** What a match must fulfil beside a search. */
export interface Narrowing {
  /** Tsqueries for its document. */
  keys: string[];
  /** What is asked of the message itself. */
  filter: MessageFilter;
  conditions(parameters: Parameters): MatchConditions;
}

export function messageNarrowing(filter: MessageFilter): Narrowing {
  return {
    keys: documentKeys(filter),
    filter,
    conditions: (parameters) => messageConditions(filter, parameters),
  };
}

/** Parameters of a statement around {@link FOUND}, and what finds its messages. */
export function matching(
  scope: Scope,
  narrowing: Narrowing,
  search: string[],
  question: Question,
  below: Place,
): { parameters: Parameters; found: Matching } {
  const parameters = new Parameters(scope.applicationId, scope.grantId);
  for (const value of [below.date, below.id]) parameters.add(value);
  const tsquery = `${parameters.add(allOf([...search, ...narrowing.keys, question.weeks]))}::tsquery`;
  const document = question.fewMessages ? `ts_match_vq(s.document, ${tsquery})` : `s.document @@ ${tsquery}`;
  return { parameters, found: { document, ...narrowing.conditions(parameters) } };
}

function matchStatement(
  scope: Scope,
  filter: MessageFilter,
  question: Question,
  below: Place,
  limit: number,
): Statement {
  const { parameters, found } = matching(scope, messageNarrowing(filter), [], question, below);
  return {
    text: `SELECT ${MESSAGE_COLUMNS} FROM ${FOUND(found, parameters.add(limit))}
      WHERE m.application_id = $1 ORDER BY m.date DESC, m.id DESC`,
    values: parameters.values,
  };
}

/** Conditions on the row of a match, on its folders, and on its subject to the letter. */
function messageConditions(filter: MessageFilter, parameters: Parameters): MatchConditions {
  const rows = `${rowConditions(filter, parameters)} ${folderCondition(filter.folderIds, parameters)}`.trim();
  const subject =
    filter.subject === undefined
      ? ''
      : `AND position(${parameters.add(subjectText(filter.subject))} IN s.subject) > 0`;
  return {
    joins: rows ? 'JOIN messages m ON m.grant_id = s.grant_id AND m.id = s.message_id' : '',
    conditions: `${rows} ${subject}`,
  };
}
