/** A mail as PostgreSQL's tsvector: its words with places and weights, and the keys of keys.ts. */

import type { Participant } from '../address.ts';
import { htmlText } from '../html-text.ts';
import { cut } from '../well-formed.ts';
import {
  ADDRESS_FIELDS,
  type AddressField,
  addressKey,
  grantKey,
  subjectKeys,
  subjectText,
  weekKey,
  weekOf,
} from './keys.ts';
import { eachWord } from './words.ts';

/** What of a mail is searched. */
export interface Searchable extends Record<AddressField, Participant[]> {
  subject: string;
  filenames: string[];
  /** What a reader sees of the body; see {@link visibleText}. */
  text: string;
}

/** A tsvector as text, and the subject as it is looked into. */
export interface SearchDocument {
  subject: string;
  vector: string;
}

/** Of a mail of which nothing is known. */
export const EMPTY_DOCUMENT: SearchDocument = { subject: '', vector: '' };

/** PostgreSQL keeps no higher place of a word than this; what stands behind it is found, but not as part of a phrase. */
const MAX_PLACE = 16_383;
/** Places of one word that PostgreSQL keeps. */
const MAX_PLACES = 255;
/** The last places that subject, and then people and file names, may take. */
const SUBJECT_END = 2_000;
const PEOPLE_END = 6_000;
/** Bytes of one mail's words and keys; a tsvector has less than 1 MB. */
const MAX_WORD_BYTES = 600_000;
const MAX_KEY_BYTES = 300_000;
/** What PostgreSQL adds to a word: alignment and the number of its places; and to each place. */
const WORD_OVERHEAD = 4;
const PLACE_BYTES = 2;

/** Words in the subject weigh most, then people and file names, then the body. */
type Weight = 'A' | 'B' | '';

/** Characters of a body that are searched: some 200 pages. */
const MAX_TEXT = 400_000;

/** The text that a reader sees of a body, HTML before plain text; hidden elements only when nothing else is there. */
export function visibleText(html: string | null, text: string | null): string {
  if (html === null) return cut(text ?? '', MAX_TEXT);
  const limit = { maxChars: MAX_TEXT };
  return htmlText(html, { ...limit, skipHidden: true }) || htmlText(html, limit);
}

/** Makes the document of a mail. Linear in its text, whatever it is; bounded in size. */
export function searchDocument(mail: Searchable): SearchDocument {
  const subject = subjectText(mail.subject);
  const words = new WordList();
  words.add(mail.subject, 'A', SUBJECT_END);
  for (const field of ADDRESS_FIELDS) {
    for (const { name, email } of mail[field]) words.add(`${name ?? ''} ${email}`, 'B', PEOPLE_END);
  }
  for (const name of mail.filenames) words.add(name, 'B', PEOPLE_END);
  words.add(mail.text, '', MAX_PLACE);
  const cut = words.lostPlaces ? [quoted(LOST_PLACES)] : [];
  return { subject, vector: [words.vector(), ...keysOf(mail, subject), ...cut].join(' ') };
}

/**
 * In the document of a mail of which PostgreSQL keeps not all places: whether words stand beside each other cannot be
 * told there.
 */
export const LOST_PLACES = '!places';

/** The keys that tell whose mail a document is and when it came, to be put behind its vector. */
export function ownerKeys(grantId: string, date: number): string {
  return `${quoted(grantKey(grantId))} ${quoted(weekKey(grantId, weekOf(date)))}`;
}

/** A lexeme as PostgreSQL reads it. */
export function quoted(lexeme: string): string {
  return `'${lexeme.replace(/['\\]/g, '$&$&')}'`;
}

function keysOf(mail: Searchable, subject: string): string[] {
  const keys: string[] = [];
  let bytes = 0;
  const add = (key: string) => {
    bytes += Buffer.byteLength(key) + WORD_OVERHEAD;
    if (bytes <= MAX_KEY_BYTES) keys.push(quoted(key));
  };
  for (const key of subjectKeys(subject)) add(key);
  for (const field of ADDRESS_FIELDS) for (const { email } of mail[field]) add(addressKey(field, email));
  return keys;
}

/** A word's places as PostgreSQL reads them, and how many they are. */
interface Places {
  text: string;
  count: number;
}

class WordList {
  readonly #words = new Map<string, Places>();
  /** Not every place of every word is kept. */
  lostPlaces = false;
  #bytes = 0;
  #place = 1;

  /** Words of one field; a gap behind it keeps phrases from reaching into the next. */
  add(text: string, weight: Weight, end: number): void {
    const begin = this.#place;
    let last = begin;
    eachWord(text, (word, at) => {
      last = begin + at;
      if (last < end) return this.#note(word, `${last}${weight}`);
      this.lostPlaces = true;
      return this.#note(word, weight ? `${end}${weight}` : null);
    });
    this.#place = Math.min(last, end) + 2;
  }

  vector(): string {
    let vector = '';
    for (const [word, { text, count }] of this.#words)
      vector += count > 0 ? ` '${word}':${text}` : ` '${word}'`;
    return vector.slice(1);
  }

  /** False when the list is full. */
  #note(word: string, place: string | null): boolean {
    let places = this.#words.get(word);
    if (!places) {
      this.#bytes += Buffer.byteLength(word) + WORD_OVERHEAD;
      if (this.#bytes > MAX_WORD_BYTES) return false;
      places = { text: '', count: 0 };
      this.#words.set(word, places);
    }
    if (places.count === MAX_PLACES) this.lostPlaces = true;
    if (place === null || places.count === MAX_PLACES) return true;
    this.#bytes += PLACE_BYTES;
    if (this.#bytes > MAX_WORD_BYTES) return false;
    places.text = places.count === 0 ? place : `${places.text},${place}`;
    places.count += 1;
    return true;
  }
}
