/** Text to words, the same for mails and for questions about them. */

import { fold } from './fold.ts';

/** A word at its place in the text, counted from 0. */
export interface Word {
  text: string;
  at: number;
  /**
   * `word`: letters and digits of a script with spaces. In scripts without them, each run becomes `pair`s of
   * neighbours, one at every place, and its `last` character; one that stands alone is `single`.
   */
  kind: 'word' | 'pair' | 'last' | 'single';
}

/** Counts up whenever the same text may give other words: everything is indexed anew then. See sync/index-pass.ts. */
export const WORD_RULES = 1;

/** Characters of a word that count; nobody types more, and PostgreSQL takes 2 KB. */
const MAX_WORD = 64;

const LETTER = /[\p{L}\p{N}\p{M}]/u;
const UNSPACED =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;

/** What a character is to words. Looked up once for each: a regular expression over a long word runs out of stack. */
const OTHER = 1;
const SPACED = 2;
const DENSE = 3;
/** By code point; 0: not looked up yet. */
const kinds = new Uint8Array(0x11_0000);

function kindOf(code: number): number {
  const known = kinds[code]!;
  if (known !== 0) return known;
  const kind = classify(String.fromCodePoint(code));
  kinds[code] = kind;
  return kind;
}

function classify(character: string): number {
  if (!LETTER.test(character)) return OTHER;
  return UNSPACED.test(character) ? DENSE : SPACED;
}

/** The words of `text`, in order. Linear. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  eachWord(text, (word, at, kind) => words.push({ text: word, at, kind }) > 0);
  return words;
}

/** Shows each word of `text` to `visit`, in order, until it returns false. Linear. */
export function eachWord(
  text: string,
  visit: (text: string, at: number, kind: Word['kind']) => boolean,
): void {
  const folded = fold(text);
  let at = 0;
  for (let i = 0; i < folded.length; ) {
    const begin = i;
    const kind = kindOf(folded.codePointAt(i)!);
    do i += folded.codePointAt(i)! > 0xffff ? 2 : 1;
    while (i < folded.length && kindOf(folded.codePointAt(i)!) === kind);
    if (kind === OTHER) continue;
    if (kind === SPACED) {
      if (!visit(cut(folded.slice(begin, i)), at, 'word')) return;
      at += 1;
      continue;
    }
    const first = at;
    let before = '';
    for (const character of folded.slice(begin, i)) {
      if (before) {
        if (!visit(before + character, at, 'pair')) return;
        at += 1;
      }
      before = character;
    }
    if (!visit(before, at, at > first ? 'last' : 'single')) return;
    at += 1;
  }
}

/** True for text of a script that sets no spaces between words. */
export function isUnspaced(text: string): boolean {
  for (const character of text) if (kindOf(character.codePointAt(0)!) !== DENSE) return false;
  return text.length > 0;
}

function cut(word: string): string {
  return word.length <= MAX_WORD ? word : word.slice(0, MAX_WORD).toWellFormed();
}
