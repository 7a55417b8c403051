/** What stands before a quote: `On … wrote:`, a line that divides, or the headers of the original. */

import { isBlank, type Line, nextFilled } from './line.ts';
import { DIVIDERS, HEADERS, type HeaderKind, WROTE } from './quote-words.ts';

/** An introduction, from the line that was asked about up to `end` (exclusive). */
export interface Intro {
  end: number;
  /**
   * `certain`: what follows is quoted to the end, also when nothing marks it. `element`: an introduction, whatever
   * follows. `dated`: one when a blockquote follows. `words`: one only when a reply's quote follows.
   */
  strength: 'certain' | 'element' | 'dated' | 'words';
}

/** Lines over which a mail program breaks `On … wrote:`. */
const MAX_ATTRIBUTION_LINES = 4;
const MAX_ATTRIBUTION_CHARS = 500;
/** Lines of the headers of an original. */
const MAX_HEADER_LINES = 25;
/** Lines that go on after a header that is too long for one. */
const MAX_CONTINUATIONS = 3;
const MAX_HEADER_NAME = 30;
/** Lines of one introduction that an element encloses. */
const MAX_INTRO_LINES = 30;

/** The introduction that begins at a line; null when none does. */
export function introAt(lines: Line[], at: number): Intro | null {
  const line = lines[at]!;
  if (line.opens === 'rest') return { end: headersAt(lines, at, 1) ?? at, strength: 'certain' };
  if (line.opens === 'rest?') {
    const end = headersAt(lines, at, 2, true);
    if (end !== null) return { end, strength: 'certain' };
  }
  if (line.place.intro) return enclosedIntro(lines, at);
  return dividerAt(lines, at) ?? originalHeaders(lines, at) ?? attributionAt(lines, at);
}

/** All of an element that introduces; what Gmail forwards has dashes there, and then nothing marks the rest. */
function enclosedIntro(lines: Line[], at: number): Intro {
  const stop = Math.min(lines.length, at + MAX_INTRO_LINES);
  let end = at;
  while (end < stop && (isBlank(lines[end]!) || lines[end]!.place.intro)) end++;
  const isForward = undashed(lines[at]!.text).dashes >= 2;
  return { end, strength: isForward ? 'certain' : 'element' };
}

/** `-----Original Message-----`, and lines of dashes or underscores before headers. */
function dividerAt(lines: Line[], at: number): Intro | null {
  const { text, rule } = lines[at]!;
  if (text.length > 120) return null;
  const { inner, dashes } = undashed(text);
  const next = nextFilled(lines, at + 1);
  if (rule || (inner === '' && dashes >= 5)) {
    const end = headersAt(lines, next, 3);
    return end === null ? null : { end, strength: 'certain' };
  }
  const isKnown = DIVIDERS.has(inner.toLowerCase().replace(/\s*[:：]$/, ''));
  if (!isKnown && dashes < 4) return null;
  const headers = headersAt(lines, next, 2);
  if (headers !== null) return { end: headers, strength: 'certain' };
  if (!isKnown) return null;
  const attribution = next < lines.length ? attributionAt(lines, next) : null;
  if (attribution) return { end: attribution.end, strength: 'certain' };
  const stands = dashes >= 2 || /[:：]$/.test(inner);
  return stands ? { end: at + 1, strength: 'certain' } : null;
}

/** Headers that nothing announces: all that matter must be there, or they may be somebody's own list. */
function originalHeaders(lines: Line[], at: number): Intro | null {
  const kind = headerKind(lines[at]!.text);
  if (kind === null || kind === 'other') return null;
  const end = headersAt(lines, at, 3);
  return end === null ? null : { end, strength: 'certain' };
}

/**
 * The end of at least `least` different headers from `at` on, the sender among them, and with three the subject as well;
 * null when they are not there. With `anyLanguage` each short word before a colon is taken for a header.
 */
function headersAt(lines: Line[], at: number, least: number, anyLanguage = false): number | null {
  const kinds = new Set<string>();
  let end = at;
  let since = 0;
  const stop = Math.min(lines.length, at + MAX_HEADER_LINES);
  for (let i = at; i < stop; i++) {
    const { text } = lines[i]!;
    const kind = headerKind(text) ?? (anyLanguage ? unknownHeader(text) : null);
    if (kind !== null) {
      // A header that comes twice belongs to the next mail.
      if (kinds.has(kind) && kind !== 'other') break;
      kinds.add(kind);
      end = i + 1;
      since = 0;
    } else if (text !== '') {
      if (kinds.size === 0 || ++since > MAX_CONTINUATIONS) break;
      if (i === end && isContinuation(text)) end = i + 1;
    } else if (headerKind(lines[nextFilled(lines, i, stop)]?.text ?? '') === null) break;
  }
  if (kinds.size < least) return null;
  if (!anyLanguage && !kinds.has('from')) return null;
  if (least >= 3 && !kinds.has('subject')) return null;
  return end;
}

function headerKind(text: string): HeaderKind | null {
  const name = headerName(text);
  return name === null ? null : (HEADERS.get(name) ?? null);
}

function unknownHeader(text: string): string | null {
  const name = headerName(text);
  return name !== null && name.split(' ').length <= 3 ? name : null;
}

/** What stands before the first colon, without the stars of bold text. */
function headerName(text: string): string | null {
  const head = text.slice(0, MAX_HEADER_NAME + 4);
  const colon = head.search(/[:：]/);
  if (colon < 1) return null;
  const name = plain(head.slice(0, colon)).replaceAll('*', '').trim().toLowerCase();
  return name === '' ? null : name;
}

/** More addressees. */
function isContinuation(text: string): boolean {
  return text.includes('@') || text.endsWith(';') || text.endsWith(',');
}

/** `On … wrote:` in whichever language: a date with an address or a verb, on as few lines as it takes. */
function attributionAt(lines: Line[], at: number): Intro | null {
  let text = '';
  for (let count = 1; count <= MAX_ATTRIBUTION_LINES; count++) {
    const line = lines[at + count - 1];
    if (!line || line.text === '' || text.length + line.text.length > MAX_ATTRIBUTION_CHARS) return null;
    if (line.text.startsWith('>') || (count > 1 && line.place.quoted)) return null;
    text += ` ${line.text}`;
    if (!endsWithColon(line.text)) {
      // A sentence ends here, and no attribution goes on behind one.
      if (/[!?。]$|[^\s.]{5,}\.$/.test(line.text.slice(-20))) return null;
      continue;
    }
    const facts = factsOf(text);
    if (facts.date && (facts.verb || facts.address)) {
      // The lines before may be somebody's own words.
      const shorter = count > 1 ? factsOf(text.slice(lines[at]!.text.length + 1)) : null;
      if (shorter?.date && (shorter.verb || shorter.address)) return null;
      const isCertain = facts.verb
        ? facts.bracketed || (facts.time && facts.day)
        : facts.bracketed && (facts.time || facts.day);
      return { end: at + count, strength: isCertain ? 'certain' : 'dated' };
    }
    const isShort = text.split(' ').length <= 14;
    return count === 1 && facts.verb && isShort ? { end: at + 1, strength: 'words' } : null;
  }
  return null;
}

/** Invisible characters that only give a direction. */
const INVISIBLE = /[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

function plain(text: string): string {
  return text.replace(INVISIBLE, '');
}

/** Zoho writes dashes instead. */
function endsWithColon(text: string): boolean {
  return /(?:[:：]|--)$/.test(plain(text.slice(-8)).trim());
}

/** What an attribution is made of. */
function factsOf(given: string) {
  const text = plain(given).toLowerCase();
  const time = /\d{1,2}\s?[:.h時]\s?\d{2}/.test(text);
  const day = /(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2}/.test(text);
  return {
    time,
    day,
    date: day || time || /\d{1,2}[./-]\d{1,2}/.test(text),
    verb: WROTE.some((word) => text.includes(word)),
    address: /[^\s<>@]{1,64}@[^\s<>@]{2,}/.test(text),
    bracketed: /[<[]\s?(?:mailto:)?[^\s<>@]{1,64}@[^\s<>@]{2,}/.test(text),
  };
}

const DASHES = '-‐‑‒–—―_=*#~+─━';

/** A line without the dashes around it, and how many stand on the side with fewer. */
function undashed(text: string): { inner: string; dashes: number } {
  const chars = text.trim();
  let start = 0;
  let before = 0;
  for (; start < chars.length && (DASHES.includes(chars[start]!) || chars[start] === ' '); start++)
    if (chars[start] !== ' ') before++;
  let end = chars.length;
  let after = 0;
  for (; end > start && (DASHES.includes(chars[end - 1]!) || chars[end - 1] === ' '); end--)
    if (chars[end - 1] !== ' ') after++;
  return {
    inner: chars.slice(start, end),
    dashes: start === chars.length ? before : Math.min(before, after),
  };
}
