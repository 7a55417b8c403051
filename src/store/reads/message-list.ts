import type { Sql } from '../database.ts';
import type { Scope } from '../scope.ts';
import { folderCondition, isSearched, type MessageFilter, rowConditions } from './message-filter.ts';
import { MESSAGE_COLUMNS, type MessageRow } from './message-rows.ts';
import { newestMatches } from './newest-matches.ts';
import { Parameters, type Statement } from './parameters.ts';
import { type Place, placeBelow, START } from './place.ts';

/** Messages newest first, after a place in that order. */
export async function listMessageRows(
  sql: Sql,
  scope: Scope,
  filter: MessageFilter,
  after: Place | null,
  limit: number,
): Promise<MessageRow[]> {
  const below = placeBelow(after ?? START, filter.receivedBefore);
  if (isSearched(filter)) return newestMatches(sql, scope, filter, below, limit);
  const { text, values } = listStatement(scope, filter, below, limit);
  const narrowed = Object.values(filter).some((value) => value !== undefined);
  return narrowed ? sql.fresh(text, values) : sql.rows(text, values);
}

/** The statement that lists what the rows of messages and their copies can answer alone. */
function listStatement(scope: Scope, filter: MessageFilter, below: Place, limit: number): Statement {
  const parameters = new Parameters(scope.applicationId, scope.grantId);
  for (const value of [below.date, below.id, limit]) parameters.add(value);
  const conditions = rowConditions(filter, parameters);
  // Few messages are starred, in one thread, found, or have a pair: to ask each for its folders is the shorter way.
  const few = filter.starred || filter.threadId !== undefined || filter.ids || filter.metadata?.length;
  if (!filter.folderIds || few) {
    const inFolders = folderCondition(filter.folderIds, parameters);
    return {
      text: `SELECT ${MESSAGE_COLUMNS} FROM messages m
        WHERE m.application_id = $1 AND m.grant_id = $2 AND (m.date, m.id) < ($3::bigint, $4::text) ${conditions} ${inFolders}
        ORDER BY m.date DESC, m.id DESC LIMIT $5`,
      values: parameters.values,
    };
  }
  // The newest of each folder by its index, then the newest of them all. A folder may hold two copies of a message,
  // one of which has gone.
  const checked = conditions
    ? `JOIN messages m ON m.grant_id = l.grant_id AND m.id = l.message_id ${conditions}`
    : '';
  // Every copy of an unread message is unread.
  const unseen = filter.unread ? 'AND NOT l.seen' : '';
  return {
    text: `SELECT ${MESSAGE_COLUMNS} FROM (
        SELECT DISTINCT n.date, n.message_id FROM unnest(${parameters.add(filter.folderIds)}::text[]) AS f (id)
        CROSS JOIN LATERAL (
          SELECT DISTINCT l.date, l.message_id FROM message_locations l ${checked}
          WHERE l.application_id = $1 AND l.grant_id = $2 AND l.folder_id = f.id ${unseen}
            AND (l.date, l.message_id) < ($3::bigint, $4::text)
          ORDER BY l.date DESC, l.message_id DESC LIMIT $5) AS n
        ORDER BY n.date DESC, n.message_id DESC LIMIT $5) AS p
      JOIN messages m ON m.grant_id = $2 AND m.id = p.message_id
      WHERE m.application_id = $1 ORDER BY m.date DESC, m.id DESC`,
    values: parameters.values,
  };
}
