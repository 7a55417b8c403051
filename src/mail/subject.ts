/** Base subjects: what is left of a subject without reply and forward marks (RFC 5256 2.1, localised). */
import { withoutPilesOfMarks } from './marks.ts';

/** Reply and forward marks that stand before a colon, lower-case, after NFKC. */
const PREFIXES = new Set(
  [
    're res rép rep ref fw fwd', // English, Portuguese, French
    'aw antw antwort wg', // German, Dutch
    'sv vs vl vb vid', // Scandinavian, Finnish
    'rv rif r i ris inoltro', // Spanish, Italian
    'tr', // French
    'enc', // Portuguese
    'odp pd', // Polish
    'ynt ilt yan ilet', // Turkish
    'vá továbbítás', // Hungarian
    'doorst', // Dutch
    'απ σχετ πρθ', // Greek
    'atb bls trs', // Welsh, Indonesian
    'ответ пересл', // Russian
    'השב הועבר', // Hebrew
    'رد إعادة', // Arabic
    '回复 回覆 答复 答覆 转发 轉寄 轉發 返信 転送', // Chinese, Japanese
    '답장 회신 전달', // Korean
  ].flatMap((line) => line.split(' ')),
);
/** Longest mark in UTF-16 units. */
const MAX_PREFIX = 12;
/** Longest list name in brackets that is skipped. */
const MAX_BLOB = 80;

export interface BaseSubject {
  /** Case folded, white space collapsed, NFKC. May be empty. */
  base: string;
  /** A reply or forward mark was there. */
  isReply: boolean;
}

/**
 * Strips marks (`Re:`, `AW:`, `Re[2]:`, `RE (2):`, `回复：`), list names in brackets at the front, `(fwd)` at
 * the end and `[Fwd: …]` around, repeatedly. Moves two indexes over the text: linear.
 */
export function baseSubject(subject: string): BaseSubject {
  const text = withoutPilesOfMarks(subject.toWellFormed())
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\u0000-\u001f]+/g, ' ')
    .trim();
  let lo = 0;
  let hi = text.length;
  let isReply = false;
  for (;;) {
    while (text[lo] === ' ' && lo < hi) lo++;
    while (text[hi - 1] === ' ' && hi > lo) hi--;
    if (hi - lo >= 5 && text.startsWith('(fwd)', hi - 5)) {
      hi -= 5;
      isReply = true;
      continue;
    }
    if (text[hi - 1] === ']' && text.startsWith('[fwd:', lo)) {
      lo += 5;
      hi--;
      isReply = true;
      continue;
    }
    const afterMark = markEnd(text, lo, hi);
    if (afterMark > 0) {
      lo = afterMark;
      isReply = true;
      continue;
    }
    const afterBlob = blobEnd(text, lo, hi);
    if (afterBlob > 0 && afterBlob < hi) {
      lo = afterBlob;
      continue;
    }
    return { base: text.slice(lo, hi), isReply };
  }
}

/** Index behind a mark with its colon at `lo`, 0 when there is none. */
function markEnd(text: string, lo: number, hi: number): number {
  let i = lo;
  while (i < hi && i - lo <= MAX_PREFIX && isLetter(text[i]!)) i++;
  if (i === lo || !PREFIXES.has(text.slice(lo, i))) return 0;
  for (let pass = 0; pass < 3; pass++) {
    while (i < hi && text[i] === ' ') i++;
    if (text[i] === ':' && i < hi) return i + 1;
    if (text[i] === '[') i = blobEnd(text, i, hi) || hi;
    else if (text[i] === '(') i = countEnd(text, i + 1, hi, ')') || hi;
    else if (text[i] === '^' || text[i] === '*') i = countEnd(text, i + 1, hi, '') || hi;
    else return 0;
  }
  return 0;
}

/** Index behind '[…]' and its spaces at `lo`, 0 when there is none. No brackets inside (RFC 5256 subj-blob). */
function blobEnd(text: string, lo: number, hi: number): number {
  if (text[lo] !== '[') return 0;
  let i = lo + 1;
  while (i < hi && i - lo <= MAX_BLOB && text[i] !== ']' && text[i] !== '[') i++;
  if (i >= hi || text[i] !== ']') return 0;
  i++;
  while (i < hi && text[i] === ' ') i++;
  return i;
}

/** Index behind up to four digits and `close`, 0 when that is not what stands there. */
function countEnd(text: string, from: number, hi: number, close: string): number {
  let i = from;
  while (i < hi && i - from < 4 && text[i]! >= '0' && text[i]! <= '9') i++;
  if (i === from || !text.startsWith(close, i)) return 0;
  return i + close.length;
}

function isLetter(char: string): boolean {
  return char > '\u02ff' ? char !== ':' : (char >= 'a' && char <= 'z') || (char >= 'à' && char <= 'ÿ');
}
