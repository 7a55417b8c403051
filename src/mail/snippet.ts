/** Snippets: the first visible words of a mail. */

import { looseText } from './html-text.ts';
import { cut } from './well-formed.ts';

/** HTML text read before junk is taken out, per character wanted. */
const SLACK = 4;
/** Invisible characters that marketing mail puts behind its preheader: joiners, zero widths, soft hyphens. */
function isFiller(code: number): boolean {
  if (code < 0xad) return false;
  return (
    code === 0xad ||
    code === 0x34f ||
    code === 0x61c ||
    (code >= 0x115f && code <= 0x1160) ||
    code === 0x180e ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0xfeff
  );
}

/** White space and controls; U+2007 and U+2800 are blanks that mail uses as filler. */
function isBlank(code: number): boolean {
  if (code <= 0x20 || (code >= 0x7f && code <= 0xa0)) return true;
  if (code < 0x1680) return false;
  return (
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x2800 ||
    code === 0x3000
  );
}

/**
 * The first `max` characters of visible text, white space collapsed, never half a character. `html` counts
 * when it shows anything, else `text`. Hidden elements are skipped, unless nothing else is there.
 */
export function makeSnippet(html: string | null, text: string | null, max = 100): string {
  if (html !== null) {
    const budget = { maxChars: max * SLACK };
    const seen =
      tidy(looseText(html, { ...budget, skipHidden: true }), max) || tidy(looseText(html, budget), max);
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

/** Up to `max` characters with each run of blanks as one space and without filler. */
function tidy(text: string, max: number): string {
  let out = '';
  let from = 0; // start of the stretch not yet copied
  let gap = false; // blanks stand before it
  for (let i = 0; i <= text.length && out.length < max; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0;
    const blank = isBlank(code);
    if (!blank && !isFiller(code)) {
      // a stretch is cut at `max`, behind a whole character
      if (i - from < max || (code >= 0xdc00 && code <= 0xdfff)) continue;
    }
    if (i > from) {
      out += gap && out.length > 0 ? ` ${text.slice(from, i)}` : text.slice(from, i);
      gap = false;
    }
    if (blank) gap = true;
    from = blank || isFiller(code) ? i + 1 : i;
  }
  return cut(out, max).trimEnd();
}
