/** Snippets: the first visible words of a mail. */

import { htmlText } from './html-text.ts';
import { cut } from './well-formed.ts';

/** HTML text read before junk is taken out, per character wanted. */
const SLACK = 4;
/** Invisible filler that marketing mail puts behind its preheader: soft hyphen, joiners, zero widths, BOM. */
const FILLER = /\u034f|[\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

/**
 * The first `max` characters of visible text, white space collapsed, never half a character. `html` counts
 * when it shows anything, else `text`. Hidden elements are skipped, unless nothing else is there.
 */
export function makeSnippet(html: string | null, text: string | null, max = 100): string {
  if (html !== null) {
    const budget = { maxChars: max * SLACK };
    const seen =
      tidy(htmlText(html, { ...budget, skipHidden: true }), max) || tidy(htmlText(html, budget), max);
    if (seen.length > 0) return seen;
  }
  return text === null ? '' : tidy(firstText(text, max * SLACK), max);
}

/** Enough of `text` to hold `want` characters that are no white space, or all of it. */
function firstText(text: string, want: number): string {
  let i = 0;
  for (let seen = 0; i < text.length && seen < want; i++) {
    if (text.charCodeAt(i) > 0x20) seen++;
  }
  return cut(text, i);
}

function tidy(text: string, max: number): string {
  const flat = text
    .replace(FILLER, '')
    .replace(/[\s\u0000-\u001f\u007f-\u00a0\u2800]+/g, ' ')
    .trim();
  return cut(flat, max).trimEnd();
}
