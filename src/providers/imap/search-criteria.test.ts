import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CriteriaError, parseCriteria } from './search-criteria.ts';

describe('search criteria', () => {
  it.each([
    ['ALL', [{ word: 'ALL' }]],
    ['from ada', [{ word: 'FROM' }, { text: 'ada' }]],
    ['FROM "Ada \\"L\\" \\\\ x" UNSEEN', [{ word: 'FROM' }, { text: 'Ada "L" \\ x' }, { word: 'UNSEEN' }]],
    ['SUBJECT Größe', [{ word: 'SUBJECT' }, { text: 'Größe' }]],
    ['SINCE 01-feb-2026', [{ word: 'SINCE' }, { word: '1-Feb-2026' }]],
    ['ON "2-Mar-2024"', [{ word: 'ON' }, { word: '2-Mar-2024' }]],
    ['HEADER X-Mailer "a b"', [{ word: 'HEADER' }, { text: 'X-Mailer' }, { text: 'a b' }]],
    ['UID 1:*,7', [{ word: 'UID' }, { set: '1:*,7' }]],
    [
      'LARGER 1000 KEYWORD $Work',
      [{ word: 'LARGER' }, { word: '1000' }, { word: 'KEYWORD' }, { word: '$Work' }],
    ],
    [
      'OR (FROM a SEEN) NOT TEXT b',
      [
        { word: 'OR' },
        { group: [{ word: 'FROM' }, { text: 'a' }, { word: 'SEEN' }] },
        { word: 'NOT' },
        { word: 'TEXT' },
        { text: 'b' },
      ],
    ],
  ])('reads %s', (text, criteria) => {
    expect(parseCriteria(text)).toEqual(criteria);
  });

  it.each([
    ['', /nothing to search for/],
    ['hello world', /"hello" is no search key of IMAP.*character 1\)/],
    ['FROM', /a text after FROM is missing/],
    ['1:5', /"1:5" is no search key/],
    ['SINCE 30-Feb-2026', /SINCE needs a date.*character 7\)/],
    ['LARGER x', /LARGER needs a number/],
    ['UID 1:', /UID needs a set/],
    ['(SEEN', /not closed/],
    ['SEEN)', /not opened/],
    ['()', /empty/],
    ['TEXT "a', /quote is not closed/],
    ['TEXT "a\r\nA1 DELETE INBOX"', /control character/],
    ['TEXT {5}', /braces/],
    ['KEYWORD "a b"', /KEYWORD needs a keyword/],
    [`TEXT "${'x'.repeat(600)}"`, /512 bytes/],
    ['SEEN '.repeat(65), /64 keys/],
    [`${'NOT '.repeat(9)}SEEN`, /8 levels/],
  ])('refuses %s', (text, words) => {
    expect(() => parseCriteria(text)).toThrow(words);
    expect(() => parseCriteria(text)).toThrow(CriteriaError);
  });

  it('any text is read or refused, and words of the protocol are all that is not a text', () => {
    const piece = fc.constantFrom(
      'FROM',
      'OR',
      'NOT',
      '(',
      ')',
      '"a b"',
      'SEEN',
      'UID',
      '1:2',
      'é',
      '\r\n',
      '{9}',
      '"',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece).map((parts) => parts.join(' ')),
    );
    fc.assert(
      fc.property(text, (query) => {
        try {
          for (const c of parseCriteria(query)) if ('word' in c) expect(c.word).toMatch(/^[\x21-\x7e]+$/);
        } catch (error) {
          expect(error).toBeInstanceOf(CriteriaError);
        }
      }),
      { seed: 12 },
    );
  });
});
