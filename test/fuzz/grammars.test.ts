/** Grammars that strangers write in: headers' values, searches, cursors. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cursors } from '../../src/http/pagination.ts';
import { parseAddressList } from '../../src/mail/address.ts';
import { parseMailDate } from '../../src/mail/date.ts';
import { decodeEncodedWords } from '../../src/mail/encoded-word.ts';
import { extractMessageIds } from '../../src/mail/message-id.ts';
import { parseQuery, QueryError } from '../../src/mail/search/query.ts';
import { toTsquery } from '../../src/mail/search/tsquery.ts';
import { baseSubject } from '../../src/mail/subject.ts';
import { ApiError } from '../../src/platform/errors.ts';
import { CriteriaError, parseCriteria } from '../../src/providers/imap/search-criteria.ts';
import { holds, soup, TIMEOUT_MS } from './property.ts';
import {
  ADDRESS_WORDS,
  CRITERIA_WORDS,
  DATE_WORDS,
  ENCODED_WORDS,
  ID_WORDS,
  QUERY_WORDS,
  SUBJECT_WORDS,
} from './words.ts';

describe('grammars take anything', () => {
  const header = (name: string, words: readonly string[], check: (text: string) => void) =>
    it(name, { timeout: TIMEOUT_MS }, () => holds(soup(words), check));

  header('encoded words stay text', ENCODED_WORDS, (text) => {
    expect(decodeEncodedWords(text).length).toBeLessThanOrEqual(text.length * 2);
  });

  header('addresses have an address', ADDRESS_WORDS, (text) => {
    for (const { email } of parseAddressList(text)) expect(email).toContain('@');
  });

  header('dates are dates or none', DATE_WORDS, (text) => {
    const date = parseMailDate(text);
    if (date !== null) expect(Number.isSafeInteger(date)).toBe(true);
  });

  header('ids have no angle brackets around them', ID_WORDS, (text) => {
    for (const id of extractMessageIds(text)) expect(id).not.toMatch(/^<.*>$/);
  });

  header('base subjects are bases of themselves', SUBJECT_WORDS, (text) => {
    const { base } = baseSubject(text);
    expect(baseSubject(base).base).toBe(base);
  });

  header('a search is understood, or refused with a reason', QUERY_WORDS, (text) => {
    refusedWith(QueryError, () => expect(typeof toTsquery(parseQuery(text))).toBe('string'));
  });

  header("IMAP's criteria are understood, or refused with a reason", CRITERIA_WORDS, (text) => {
    refusedWith(CriteriaError, () => expect(parseCriteria(text).length).toBeGreaterThan(0));
  });

  it('a cursor is ours, or refused', { timeout: TIMEOUT_MS }, () => {
    const cursors = new Cursors(Buffer.alloc(32, 1));
    const scope = { applicationId: 'a', grantId: 'g', resource: 'messages', query: {} };
    const good = cursors.issue(scope, [1, 'x']);
    const bent = fc
      .tuple(fc.nat(good.length - 1), fc.string({ unit: 'binary', maxLength: 4 }), fc.nat(3))
      .map(([at, put, cut]) => good.slice(0, at) + put + good.slice(at + cut));
    holds(fc.oneof(bent, fc.string({ unit: 'binary', maxLength: 200 })), (token) => {
      if (token === good) return;
      refusedWith(ApiError, () => expect(cursors.read(scope, token)).toBe(null));
    });
  });
});

/** Runs it; what it throws must be a refusal in words. */
function refusedWith(kind: new (...args: never[]) => Error, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    expect(error.message).not.toBe('');
  }
}
