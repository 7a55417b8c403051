/** Searches as PostgreSQL's tsquery, in its text form. */

import { LOST_PLACES, quoted } from './document.ts';
import type { Query } from './query.ts';
import type { Word } from './words.ts';

/** One term of a search, to be held against the words of subject, people and file names. */
export interface RankedTerm {
  /** Matches when the term stands in the subject. */
  inSubject: string;
  /** Matches when it stands in subject, people or file names. */
  inHead: string;
}

/**
 * A search as a tsquery. In a very long mail a phrase is found by its words, wherever they stand: better one too many
 * than one that is missed. So under a negation (`negated`) only what is sure leaves a mail out.
 */
export function toTsquery(query: Query, negated = false): string {
  switch (query.kind) {
    case 'term':
      return negated ? term(query.words, '') : anyOf([term(query.words, ''), ...wordsAnywhere(query.words)]);
    case 'not':
      return `!(${toTsquery(query.query, !negated)})`;
    case 'and':
      return allOf(query.queries.map((part) => toTsquery(part, negated)));
    case 'or':
      return anyOf(query.queries.map((part) => toTsquery(part, negated)));
  }
}

/** A phrase where places are lost; none for a single word. */
function wordsAnywhere(words: Word[]): string[] {
  const told = words.filter((word) => word.kind !== 'last');
  if (told.length < 2) return [];
  return [allOf([quoted(LOST_PLACES), ...told.map((word) => term([word], ''))])];
}

/** All of these tsqueries; none at all is an empty one. */
export function allOf(queries: string[]): string {
  return queries.map((query) => `(${query})`).join(' & ');
}

export function anyOf(queries: string[]): string {
  return queries.map((query) => `(${query})`).join(' | ');
}

/** The terms by which results are ranked: all but the negated ones. */
export function rankedTerms(query: Query): RankedTerm[] {
  switch (query.kind) {
    case 'term':
      return [{ inSubject: term(query.words, 'A'), inHead: term(query.words, '') }];
    case 'not':
      return [];
    default:
      return query.queries.flatMap(rankedTerms);
  }
}

/**
 * Words at their distances. The last character of an unspaced run is told by the pair before it; one that stands
 * alone is what any pair may begin with.
 */
function term(words: Word[], weight: 'A' | ''): string {
  let text = '';
  let at = 0;
  for (const word of words) {
    if (word.kind === 'last') continue;
    if (text) text += ` <${word.at - at}> `;
    at = word.at;
    const flags = `${word.kind === 'single' ? '*' : ''}${weight}`;
    text += quoted(word.text) + (flags && `:${flags}`);
  }
  return text;
}
