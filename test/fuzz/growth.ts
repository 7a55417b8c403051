/**
 * Twice the input may take two and a half times the time, whatever it is made of. Measured, so not part of the suite:
 * `npm run fuzz` does it.
 */
import { parseAddressList } from '../../src/mail/address.ts';
import { cleanBody } from '../../src/mail/clean/clean.ts';
import { parseMailDate } from '../../src/mail/date.ts';
import { decodeEncodedWords } from '../../src/mail/encoded-word.ts';
import { htmlText } from '../../src/mail/html-text.ts';
import { extractMessageIds } from '../../src/mail/message-id.ts';
import { prepareMail } from '../../src/mail/prepare.ts';
import { parseQuery } from '../../src/mail/search/query.ts';
import { wordsOf } from '../../src/mail/search/words.ts';
import { baseSubject } from '../../src/mail/subject.ts';
import { parseCriteria } from '../../src/providers/imap/search-criteria.ts';
import {
  ADDRESS_WORDS,
  CRITERIA_WORDS,
  DATE_WORDS,
  ENCODED_WORDS,
  HTML_WORDS,
  ID_WORDS,
  MIME_WORDS,
  QUERY_WORDS,
  SUBJECT_WORDS,
} from './words.ts';

const MOST = 2.5;
const CLEAN = {
  ...{ ignoreLinks: false, ignoreImages: false, imagesAsMarkdown: true, ignoreTables: false },
  ...{ removeConclusionPhrases: true, htmlAsMarkdown: true },
};
/** The first size, in characters, and the largest that is tried; below so many ms a time says nothing. */
const FIRST = 20_000;
const LARGEST = 1_280_000;
const TELLING_MS = 8;
/** Times that a measurement which fails is repeated: something else may have taken the machine. */
const TRIES = 4;

const header = (name: string) => (text: string) => prepareMail(Buffer.from(`${name}: ${text}\r\n\r\nx\r\n`));
const PARSERS: [name: string, parse: (text: string) => unknown, words: readonly string[]][] = [
  ['mail', (text) => prepareMail(Buffer.from(text, 'latin1')), MIME_WORDS],
  ['a From header', header('From'), ADDRESS_WORDS],
  ['a Subject header', header('Subject'), ENCODED_WORDS],
  ['a Content-Type header', header('Content-Type'), MIME_WORDS],
  ['HTML to text', (text) => htmlText(text), HTML_WORDS],
  ['cleaning HTML', (text) => cleanBody(text, CLEAN), HTML_WORDS],
  ['addresses', parseAddressList, ADDRESS_WORDS],
  ['encoded words', decodeEncodedWords, ENCODED_WORDS],
  ['dates', parseMailDate, DATE_WORDS],
  ['ids', (text) => extractMessageIds(text), ID_WORDS],
  ['subjects', baseSubject, SUBJECT_WORDS],
  ['words', wordsOf, QUERY_WORDS],
  ['searches', parseQuery, QUERY_WORDS],
  ["IMAP's criteria", parseCriteria, CRITERIA_WORDS],
];

/** Measures every parser with every word and every pair of words repeated; says what grows too fast. */
export function growthFailures(): { measured: number; failures: string[] } {
  let measured = 0;
  const failures: string[] = [];
  for (const [name, parse, words] of PARSERS) {
    for (const piece of [...words, ...words.map((word, i) => word + words[(i * 7 + 3) % words.length])]) {
      measured += 1;
      const worst = growth(parse, piece);
      if (worst > MOST)
        failures.push(
          `${name}: ${JSON.stringify(piece)} repeated takes ${worst.toFixed(1)} times as long for twice as much`,
        );
    }
  }
  return { measured, failures };
}

/** How much longer twice as much takes. Memory that fills up makes one step dearer; what grows too fast does so at each. */
function growth(parse: (text: string) => unknown, piece: string): number {
  let before = 1;
  for (let size = FIRST; size <= LARGEST; size *= 2) {
    const once = piece.repeat(Math.ceil(size / piece.length));
    if (time(parse, once) < TELLING_MS) continue;
    let best = Number.POSITIVE_INFINITY;
    for (let n = 0; n < TRIES && best > MOST; n += 1)
      best = Math.min(best, time(parse, once + once) / time(parse, once));
    if (best <= MOST || before > MOST) return best;
    before = best;
  }
  return before;
}

/** The better of two, in ms. */
function time(parse: (text: string) => unknown, text: string): number {
  const one = () => {
    const began = performance.now();
    try {
      parse(text);
    } catch {
      // Refusing is an answer, too.
    }
    return performance.now() - began;
  };
  return Math.min(one(), one());
}
