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
/** The second question covers so many times as many weeks; the third all of them. */
const WIDER = 10;
/** Weeks that are named one by one; who asks for more asks for all. */
const MAX_WEEKS = 200;

/**
 * The newest messages below a place that the inverted index finds, at most `limit`. An inverted index gives all of its
 * matches or none, so the question begins with the newest weeks and grows wider only when they hold too few.
 */
export async function newestMatches(
  sql: Sql,
  scope: Scope,
  filter: MessageFilter,
  below: Place,
  limit: number,
): Promise<MessageRow[]> {
  return widening(sql, scope, below, limit, (weeks) => {
    const { text, values } = matchStatement(scope, filter, weeks, below, limit);
    return sql.fresh<MessageRow>(text, values);
  });
}

/** Asks about the newest weeks below a place, and about more of them while fewer than `limit` rows come. */
export async function widening<Row>(
  sql: Sql,
  scope: Scope,
  below: Place,
  limit: number,
  ask: (weeks: string) => Promise<Row[]>,
): Promise<Row[]> {
  for (const weeks of await nearWeeks(sql, scope, below)) {
    const rows = await ask(weeks);
    if (rows.length >= limit) return rows;
  }
  return ask(quoted(grantKey(scope.grantId)));
}

async function nearWeeks(sql: Sql, scope: Scope, below: Place): Promise<string[]> {
  const [near] = await sql.rows<{ count: number; oldest: number | null; newest: number | null }>(
    `SELECT count(*), min(n.date) AS oldest, max(n.date) AS newest FROM (
       SELECT m.date FROM messages m WHERE m.application_id = $1 AND m.grant_id = $2 AND (m.date, m.id) < ($3::bigint, $4::text)
       ORDER BY m.date DESC, m.id DESC LIMIT ${NEAR_MESSAGES}) AS n`,
    [scope.applicationId, scope.grantId, below.date, below.id],
  );
  if (!near || near.count < NEAR_MESSAGES) return [];
  const newest = weekOf(near.newest!);
  const weeks = newest - weekOf(near.oldest!) + 1;
  return [weeks, weeks * WIDER]
    .filter((count) => count <= MAX_WEEKS)
    .map((count) => weekKeys(scope.grantId, newest - count + 1, newest));
}

/** A tsquery for the mail of a grant that came from one week to another, or all of it when they are too many. */
export function weekKeys(grantId: string, from: number, to: number): string {
  if (to - from >= MAX_WEEKS) return quoted(grantKey(grantId));
  const weeks = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return anyOf(weeks.map((week) => quoted(weekKey(grantId, week))));
}

/** `f`: found in the inverted index; `m`: the messages themselves, behind the wall. */
export const FOUND = (document: string, { joins, conditions }: MatchConditions, limit: string) => `(
    SELECT s.message_id, s.date, s.document FROM message_search s ${joins}
    WHERE s.grant_id = $2 AND s.document @@ ${document}::tsquery AND (s.date, s.message_id) < ($3::bigint, $4::text) ${conditions}
    ORDER BY s.date DESC, s.message_id DESC LIMIT ${limit}) AS f
  JOIN messages m ON m.grant_id = $2 AND m.id = f.message_id`;

/** The statement of one question. `weeks`: of {@link weekKeys}. */
export function matchStatement(
  scope: Scope,
  filter: MessageFilter,
  weeks: string,
  below: Place,
  limit: number,
): Statement {
  const parameters = new Parameters(scope.applicationId, scope.grantId);
  for (const value of [below.date, below.id]) parameters.add(value);
  const document = parameters.add(allOf([...documentKeys(filter), weeks]));
  const conditions = messageConditions(filter, parameters);
  return {
    text: `SELECT ${MESSAGE_COLUMNS} FROM ${FOUND(document, conditions, parameters.add(limit))}
      WHERE m.application_id = $1 ORDER BY m.date DESC, m.id DESC`,
    values: parameters.values,
  };
}

/** What must hold of a match `s` beside its document; the row of the message is read only where it is asked for. */
export interface MatchConditions {
  joins: string;
  conditions: string;
}

/** What a match must fulfil beside a search. */
export interface Narrowing {
  /** Tsqueries for its document. */
  keys: string[];
  conditions(parameters: Parameters): MatchConditions;
}

/** Conditions on the row of a match, on its folders, and on its subject to the letter. */
export function messageConditions(filter: MessageFilter, parameters: Parameters): MatchConditions {
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

/** The same for a search: what the filter asks of its matches. */
export function messageNarrowing(filter: MessageFilter): Narrowing {
  return {
    keys: documentKeys(filter),
    conditions: (parameters) => messageConditions(filter, parameters),
  };
}
