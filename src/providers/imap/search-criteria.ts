/** A part of a SEARCH command: a word of the protocol, a text of the caller, a set of UIDs, a group in parentheses. */
export type Criterion = { word: string } | { text: string } | { set: string } | { group: Criterion[] };

/** What is wrong with a caller's criteria, and where (0-based character). */
export class CriteriaError extends Error {
  override name = 'CriteriaError';
  readonly position: number;

  constructor(message: string, position: number) {
    super(`${message} (at character ${position + 1})`);
    this.position = position;
  }
}

/** Bounds of one search: the contract's for its own grammar, so that no server is asked for more. */
const MAX_BYTES = 512;
const MAX_KEYS = 64;
const MAX_DEPTH = 8;

const PLAIN = new Set(
  'ALL ANSWERED DELETED DRAFT FLAGGED NEW OLD RECENT SEEN UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN'.split(
    ' ',
  ),
);
const WITH_TEXT = new Set('BCC BODY CC FROM SUBJECT TEXT TO'.split(' '));
const WITH_FLAG = new Set(['KEYWORD', 'UNKEYWORD']);
const WITH_DATE = new Set('BEFORE ON SENTBEFORE SENTON SENTSINCE SINCE'.split(' '));
const WITH_NUMBER = new Set(['LARGER', 'SMALLER', 'OLDER', 'YOUNGER']);
/** Gmail's own query language (X-GM-EXT-1). */
const GMAIL_RAW = 'X-GM-RAW';

const UID_SET =
  /^(?:[1-9]\d{0,9}|\*)(?::(?:[1-9]\d{0,9}|\*))?(?:,(?:[1-9]\d{0,9}|\*)(?::(?:[1-9]\d{0,9}|\*))?)*$/;

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

interface Token {
  kind: 'atom' | 'quoted' | '(' | ')';
  value: string;
  at: number;
}

/**
 * Reads SEARCH criteria as RFC 9051 6.4.4 writes them (`FROM "ada" OR SEEN SINCE 1-Feb-2026`) into tokens, so that
 * nothing of a caller's text is ever put into a command as it is. Numbers of messages are refused: they mean nothing
 * outside of a session. Throws {@link CriteriaError}.
 */
export function parseCriteria(text: string): Criterion[] {
  if (Buffer.byteLength(text) > MAX_BYTES)
    throw new CriteriaError(`a search may have ${MAX_BYTES} bytes`, MAX_BYTES);
  const reader = new Reader(tokens(text), text.length);
  const criteria = reader.keys(0, false);
  if (criteria.length === 0) throw new CriteriaError('there is nothing to search for', 0);
  return criteria;
}

class Reader {
  readonly #tokens: Token[];
  readonly #end: number;
  #next = 0;
  #keys = 0;

  constructor(tokens: Token[], end: number) {
    this.#tokens = tokens;
    this.#end = end;
  }

  keys(depth: number, inGroup: boolean): Criterion[] {
    const found: Criterion[] = [];
    for (;;) {
      const token = this.#tokens[this.#next];
      if (!token) {
        if (inGroup) throw new CriteriaError('a parenthesis is not closed', this.#end);
        return found;
      }
      if (token.kind === ')') {
        if (!inGroup) throw new CriteriaError('a parenthesis is closed that was not opened', token.at);
        this.#next += 1;
        return found;
      }
      found.push(...this.#key(depth));
    }
  }

  #key(depth: number): Criterion[] {
    const token = this.#take('a search key');
    this.#keys += 1;
    if (this.#keys > MAX_KEYS) throw new CriteriaError(`a search may have ${MAX_KEYS} keys`, token.at);
    if (depth >= MAX_DEPTH) throw new CriteriaError(`a search may be ${MAX_DEPTH} levels deep`, token.at);
    if (token.kind === '(') {
      const group = this.keys(depth + 1, true);
      if (group.length === 0) throw new CriteriaError('an empty parenthesis', token.at);
      return [{ group }];
    }
    const word = token.value.toUpperCase();
    const key = { word };
    if (token.kind === 'atom') {
      if (PLAIN.has(word)) return [key];
      if (WITH_TEXT.has(word) || word === GMAIL_RAW) return [key, this.#text(word)];
      if (WITH_FLAG.has(word)) return [key, this.#matching(word, /^[A-Za-z0-9$_.-]{1,64}$/, 'a keyword')];
      if (WITH_NUMBER.has(word)) return [key, this.#matching(word, /^\d{1,10}$/, 'a number')];
      if (WITH_DATE.has(word)) return [key, this.#date(word)];
      if (word === 'HEADER') {
        const name = this.#matching(word, /^[\x21-\x39\x3b-\x7e]{1,100}$/, 'the name of a header field');
        return [key, { text: name.word }, this.#text(word)];
      }
      if (word === 'UID') return [key, { set: this.#matching(word, UID_SET, 'a set of UIDs').word }];
      if (word === 'NOT') return [key, ...this.#key(depth + 1)];
      if (word === 'OR') return [key, ...this.#key(depth + 1), ...this.#key(depth + 1)];
    }
    throw new CriteriaError(
      `"${token.value.slice(0, 50)}" is no search key of IMAP; for words in a mail write TEXT "…"`,
      token.at,
    );
  }

  #text(key: string): Criterion {
    const token = this.#argument(key, 'a text');
    return { text: token.value };
  }

  #matching(key: string, form: RegExp, what: string): { word: string } {
    const token = this.#argument(key, what);
    if (!form.test(token.value)) throw new CriteriaError(`${key} needs ${what}`, token.at);
    return { word: token.value };
  }

  /** `1-Feb-2026`: a day of the calendar (RFC 9051 9, date-text). */
  #date(key: string): Criterion {
    const token = this.#argument(key, 'a date');
    const [, day = '', month = '', year = ''] = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/.exec(token.value) ?? [];
    const at = MONTHS.findIndex((name) => name.toLowerCase() === month.toLowerCase());
    const date = new Date(Date.UTC(Number(year), at, Number(day)));
    if (at < 0 || date.getUTCDate() !== Number(day) || date.getUTCMonth() !== at)
      throw new CriteriaError(`${key} needs a date such as 1-Feb-2026`, token.at);
    return { word: `${Number(day)}-${MONTHS[at]}-${year}` };
  }

  #argument(key: string, what: string): Token {
    const token = this.#take(`${what} after ${key}`);
    if (token.kind !== 'atom' && token.kind !== 'quoted')
      throw new CriteriaError(`${key} needs ${what}`, token.at);
    return token;
  }

  #take(what: string): Token {
    const token = this.#tokens[this.#next];
    if (!token) throw new CriteriaError(`${what} is missing`, this.#end);
    this.#next += 1;
    return token;
  }
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (let i = 0; i < text.length; ) {
    const char = text[i] as string;
    if (/[\x00-\x1f\x7f]/.test(char)) throw new CriteriaError('a control character', i);
    if (char === ' ') {
      i += 1;
    } else if (char === '(' || char === ')') {
      found.push({ kind: char, value: char, at: i });
      i += 1;
    } else if (char === '"') {
      const end = closingQuote(text, i);
      const value = text.slice(i + 1, end).replace(/\\(.)/gs, '$1');
      if (/[\x00-\x1f\x7f]/.test(value)) throw new CriteriaError('a control character', i);
      found.push({ kind: 'quoted', value, at: i });
      i = end + 1;
    } else {
      const end = text.slice(i).search(/[ ()"]/);
      const value = text.slice(i, end < 0 ? undefined : i + end);
      if (/[{}]/.test(value)) throw new CriteriaError('a text with braces needs quotes', i);
      found.push({ kind: 'atom', value, at: i });
      i += value.length;
    }
  }
  return found;
}

function closingQuote(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === '"') return i;
  }
  throw new CriteriaError('a quote is not closed', start);
}
