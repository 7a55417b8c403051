import { weekOf } from '../../mail/search/keys.ts';
import type { RankedTerm } from '../../mail/search/tsquery.ts';
import type { Sql } from '../database.ts';
import type { Scope } from '../scope.ts';
import { FOUND, matching, type Narrowing, type Question, weekKeys, widening } from './newest-matches.ts';
import type { Statement } from './parameters.ts';
import { type Place, placeBelow, START } from './place.ts';

/** A search, ready for the store. */
export interface Search {
  /** Of `toTsquery`. */
  document: string;
  terms: RankedTerm[];
}

/** A message that a search finds. */
export interface RankedMatch extends Place {
  threadId: string;
  /** The higher, the more it is what was looked for. */
  score: number;
}

/** What a term is worth by where it stands; in the body it is worth nothing more than being there. */
const SUBJECT_SCORE = 10;
const HEAD_SCORE = 4;

/** The newest matches below a place, at most `limit`, newest first. */
export function newestRanked(
  sql: Sql,
  scope: Scope,
  narrowing: Narrowing,
  search: Search,
  after: Place | null,
  limit: number,
): Promise<RankedMatch[]> {
  const below = placeBelow(after ?? START, narrowing.filter.receivedBefore);
  return widening(sql, scope, narrowing.filter, below, limit, (question) => {
    const { text, values } = rankedStatement(scope, narrowing, search, question, { below, limit });
    return sql.fresh<RankedMatch>(text, values);
  });
}

/** All matches from one place to another, both included, newest first. */
export function rankedBetween(
  sql: Sql,
  scope: Scope,
  narrowing: Narrowing,
  search: Search,
  top: Place,
  bottom: Place,
): Promise<RankedMatch[]> {
  const weeks = weekKeys(scope.grantId, weekOf(bottom.date), weekOf(top.date));
  const question = { weeks, fewMessages: false };
  const { text, values } = rankedStatement(scope, narrowing, search, question, { below: START, top, bottom });
  return sql.fresh<RankedMatch>(text, values);
}

function rankedStatement(
  scope: Scope,
  narrowing: Narrowing,
  search: Search,
  question: Question,
  range: { below: Place; limit?: number; top?: Place; bottom?: Place },
): Statement {
  const { parameters, found } = matching(scope, narrowing, [search.document], question, range.below);
  const place = ({ date, id }: Place) => `(${parameters.add(date)}::bigint, ${parameters.add(id)}::text)`;
  if (range.top) found.conditions += ` AND (s.date, s.message_id) <= ${place(range.top)}`;
  if (range.bottom) found.conditions += ` AND (s.date, s.message_id) >= ${place(range.bottom)}`;
  const subjects = parameters.add(search.terms.map((term) => term.inSubject));
  const heads = parameters.add(search.terms.map((term) => term.inHead));
  return {
    text: `SELECT m.id, m.thread_id AS "threadId", m.date, (
        SELECT coalesce(sum(CASE WHEN f.head @@ t.subject THEN ${SUBJECT_SCORE} WHEN f.head @@ t.head THEN ${HEAD_SCORE} ELSE 0 END), 0)
        FROM unnest(${subjects}::text[]::tsquery[], ${heads}::text[]::tsquery[]) AS t (subject, head)) AS score
      FROM ${FOUND(found, parameters.add(range.limit ?? null))}
      WHERE m.application_id = $1 ORDER BY m.date DESC, m.id DESC`,
    values: parameters.values,
  };
}
