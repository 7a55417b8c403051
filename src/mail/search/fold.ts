/** Spelling for comparison: what somebody may type without care for case, accents and widths. */
import { withoutPilesOfMarks } from '../marks.ts';

/** Accents and vowel points that readers leave out: combining diacritics, Hebrew points, Arabic marks and tatweel. */
const ACCENTS =
  /[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]/g;
/** Characters without width: soft hyphens, joiners, marks of direction. */
// biome-ignore lint/suspicious/noMisleadingCharacterClass: they are meant one by one
const INVISIBLE = /[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]/g;
const ASCII_ONLY = /^[\0-\x7f]*$/;

/** Letters that Unicode does not take apart, and those that a keyboard of the next country writes otherwise. */
const LETTERS = new Map([
  ['ß', 'ss'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ['ø', 'o'],
  ['ł', 'l'],
  ['đ', 'd'],
  ['ð', 'd'],
  ['þ', 'th'],
  ['ħ', 'h'],
  ['ı', 'i'],
  ['ς', 'σ'],
  ['ى', 'ي'],
  ['ی', 'ي'],
  ['ک', 'ك'],
]);
const OTHER_LETTERS = new RegExp(`[${[...LETTERS.keys()].join('')}]`, 'g');

/**
 * Stretches with characters beyond ASCII, and what little ASCII stands between them: all that folding is more than lower
 * case for. No mark that `foldStretch` leaves composes with an ASCII letter before it, so the cut changes nothing.
 */
const BEYOND_ASCII = /[^\0-\x7f]+(?:[\0-\x7f]{1,16}[^\0-\x7f]+)*/g;

/**
 * `text` in lower case and compatibility form (full and half width, ligatures), without accents and invisible
 * characters. Marks that make another letter stay: Indic and Thai vowels, Japanese voicing. Linear.
 */
export function fold(text: string): string {
  if (ASCII_ONLY.test(text)) return text.toLowerCase();
  return text.replace(BEYOND_ASCII, foldStretch).toLowerCase();
}

function foldStretch(text: string): string {
  return withoutPilesOfMarks(text.replace(INVISIBLE, ''))
    .normalize('NFKD')
    .replace(ACCENTS, '')
    .toLowerCase()
    .replace(OTHER_LETTERS, (letter) => LETTERS.get(letter) ?? letter)
    .normalize('NFC');
}
