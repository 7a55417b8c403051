/** The language of searches (contract-platform 1.3): words, "phrases", AND, OR, NOT or a leading -, parentheses. */

import { type Word, wordsOf } from './words.ts';

/** A search as a tree. A term holds the words of one word or phrase, at their places. */
export type Query =
  | { kind: 'term'; words: Word[] }
  | { kind: 'not'; query: Query }
  | { kind: 'and' | 'or'; queries: Query[] };

/** Bytes of UTF-8 in one search. */
const MAX_QUERY_BYTES = 512;
/** Parentheses inside each other. */
const MAX_DEPTH = 8;
/** Nodes of the tree: terms, negations, and lists of AND and of OR. */
const MAX_NODES = 64;

/** A search that cannot be read; the message says why, and at which character. */
export class QueryError extends Error {
  override name = 'QueryError';
}

type Token = { kind: '(' | ')' | '-' | 'AND' | 'OR' | 'text'; text: string; at: number };

/**
 * Reads a search. AND binds tighter than OR and may be left out; AND, OR and NOT count in capitals only. A word that
 * falls into several (`INV-2024-1`) is a phrase; what holds no letter or digit is left out. Throws {@link QueryError}.
 */
export function parseQuery(text: string): Query {
  if (Buffer.byteLength(text) > MAX_QUERY_BYTES)
    throw new QueryError(`is longer than ${MAX_QUERY_BYTES} bytes`);
  const query = new Parser(tokensOf(text)).parse();
  if (!query) throw new QueryError('holds no word to search for');
  return query;
}

/** `"a phrase"`, a parenthesis, a negation, or anything else up to a space, a quote or a parenthesis. */
const TOKEN = /"(?<phrase>[^"]*)(?<closing>"?)|(?<sign>[()]|-(?=[^\s)]))|[^\s()"]+/g;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const { 0: all, groups = {}, index: at } of text.matchAll(TOKEN)) {
    const { phrase, closing, sign } = groups;
    if (phrase !== undefined && !closing) throw new QueryError(place('the quote is never closed', at));
    if (sign !== undefined) tokens.push({ kind: sign as '(' | ')' | '-', text: sign, at });
    else if (all === 'AND' || all === 'OR') tokens.push({ kind: all, text: all, at });
    else if (all === 'NOT') tokens.push({ kind: '-', text: all, at });
    else tokens.push({ kind: 'text', text: phrase ?? all, at });
  }
  return tokens;
}

/** Recursive descent; the depth is bounded by MAX_DEPTH and MAX_NODES. An empty part of the tree is null. */
class Parser {
  readonly #tokens: Token[];
  #next = 0;
  #depth = 0;
  #nodes = 0;

  constructor(tokens: Token[]) {
    this.#tokens = tokens;
  }

  parse(): Query | null {
    if (this.#tokens.length === 0) return null;
    const query = this.#or();
    const rest = this.#tokens[this.#next];
    if (rest) throw new QueryError(place('the parenthesis was never opened', rest.at));
    return query;
  }

  #or(): Query | null {
    const queries = [this.#and()];
    while (this.#take('OR')) queries.push(this.#and());
    return this.#list('or', queries);
  }

  #and(): Query | null {
    const queries = [this.#unary()];
    while (this.#take('AND') || this.#startsOperand()) queries.push(this.#unary());
    return this.#list('and', queries);
  }

  #startsOperand(): boolean {
    const kind = this.#tokens[this.#next]?.kind;
    return kind === 'text' || kind === '(' || kind === '-';
  }

  #unary(): Query | null {
    const token = this.#tokens[this.#next];
    if (!token) {
      const last = this.#tokens.at(-1)!;
      throw new QueryError(place(`${last.text} needs something behind it`, last.at));
    }
    this.#next += 1;
    switch (token.kind) {
      case 'text': {
        const words = [...wordsOf(token.text)];
        return words.length === 0 ? null : this.#count({ kind: 'term', words }, token);
      }
      case '-': {
        this.#count(null, token);
        const query = this.#unary();
        return query && { kind: 'not', query };
      }
      case '(': {
        this.#depth += 1;
        if (this.#depth > MAX_DEPTH)
          throw new QueryError(place(`parentheses stand deeper than ${MAX_DEPTH} levels`, token.at));
        if (this.#tokens[this.#next]?.kind === ')')
          throw new QueryError(place('the parentheses are empty', token.at));
        if (this.#next === this.#tokens.length)
          throw new QueryError(place('the parenthesis is never closed', token.at));
        const query = this.#or();
        if (!this.#take(')')) throw new QueryError(place('the parenthesis is never closed', token.at));
        this.#depth -= 1;
        return query;
      }
      case ')':
        throw new QueryError(
          place(
            this.#depth > 0
              ? 'something is missing before the parenthesis'
              : 'the parenthesis was never opened',
            token.at,
          ),
        );
      default:
        throw new QueryError(place(`${token.text} needs something on both sides`, token.at));
    }
  }

  #take(kind: Token['kind']): boolean {
    if (this.#tokens[this.#next]?.kind !== kind) return false;
    this.#next += 1;
    return true;
  }

  #list(kind: 'and' | 'or', all: (Query | null)[]): Query | null {
    const queries = all.filter((query) => query !== null);
    if (queries.length < 2) return queries[0] ?? null;
    return this.#count({ kind, queries }, this.#tokens[this.#next - 1]!);
  }

  #count<Q extends Query | null>(query: Q, { at }: Token): Q {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) throw new QueryError(place(`it has more than ${MAX_NODES} parts`, at));
    return query;
  }
}

function place(what: string, at: number): string {
  return `at character ${at + 1}: ${what}`;
}
