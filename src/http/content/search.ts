import { parseQuery, QueryError } from '../../mail/search/query.ts';
import { rankedTerms, toTsquery } from '../../mail/search/tsquery.ts';
import { invalidRequest } from '../../platform/errors.ts';
import type { Search } from '../../store/reads/ranked-matches.ts';

/** Reads the search that a parameter holds; a 400 names the parameter and the place of a mistake. */
export function readSearch(parameter: string, text: string): Search {
  try {
    const query = parseQuery(text);
    return { document: toTsquery(query), terms: rankedTerms(query) };
  } catch (error) {
    if (error instanceof QueryError) throw invalidRequest(parameter, error.message);
    throw error;
  }
}
