/** 'value; name=value' headers: Content-Type, Content-Disposition (RFC 2045 5.1, RFC 2183, RFC 2231). */

import { decodeCharset } from '../charset.ts';
import { decodeEncodedWords } from '../encoded-word.ts';
import { fieldText } from '../headers.ts';
import { HEX_VALUE } from './transfer.ts';

export interface Parameterized {
  /** Lower-case first token. */
  value: string;
  /** Lower-case name → value as written (Latin-1 bytes), quotes removed. The first of a name counts. */
  params: Map<string, string>;
}

/** Parameters looked at in one header. */
const MAX_PARAMS = 200;

/** Splits a header value. Accepts unquoted values with spaces and specials up to the next ';'. Linear. */
export function parseParameterized(latin1: string): Parameterized {
  const params = new Map<string, string>();
  let at = latin1.indexOf(';');
  const value = withoutComment(at < 0 ? latin1 : latin1.slice(0, at)).toLowerCase();
  while (at >= 0 && at < latin1.length && params.size < MAX_PARAMS) {
    at++;
    const stop = nextOf(latin1, at, '=;');
    if (latin1[stop] !== '=') {
      at = stop < latin1.length ? stop : -1;
      continue;
    }
    const name = withoutComment(latin1.slice(at, stop)).toLowerCase();
    const read = readValue(latin1, stop + 1);
    if (name.length > 0 && !params.has(name)) params.set(name, read.value);
    at = read.end;
  }
  return { value, params };
}

/** A parameter as Unicode: RFC 2231 pieces joined and decoded, encoded words decoded. May hold any character. Null when absent. */
export function parameterText(params: Map<string, string>, name: string): string | null {
  const extended = params.get(`${name}*`) ?? params.get(`${name}*0*`) ?? params.get(`${name}*0`);
  return extended === undefined ? plainText(params.get(name)) : extendedText(params, name);
}

function plainText(value: string | undefined): string | null {
  return value === undefined ? null : decodeEncodedWords(fieldText(value));
}

/** RFC 2231 3 and 4: `name*0*`, `name*1`, …; starred pieces are percent-encoded in the charset of the first. */
function extendedText(params: Map<string, string>, name: string): string | null {
  const single = params.get(`${name}*`);
  const bytes: Buffer[] = [];
  let charset = '';
  let starred = false;
  for (let i = 0; i < MAX_PARAMS; i++) {
    const encoded = single ?? params.get(`${name}*${i}*`);
    const piece = encoded ?? params.get(`${name}*${i}`);
    if (piece === undefined) break;
    let text = piece;
    if (encoded !== undefined) {
      starred = true;
      const first = i === 0 ? text.indexOf("'") : -1;
      const second = first < 0 ? -1 : text.indexOf("'", first + 1);
      if (second >= 0) {
        charset = text.slice(0, first);
        text = text.slice(second + 1);
      }
    }
    bytes.push(encoded === undefined ? Buffer.from(text, 'latin1') : percentDecode(text));
    if (single !== undefined) break;
  }
  const joined = Buffer.concat(bytes);
  return starred ? decodeCharset(joined, charset) : plainText(joined.toString('latin1'));
}

function percentDecode(text: string): Buffer {
  const source = Buffer.from(text, 'latin1');
  const out = Buffer.allocUnsafe(source.length);
  let at = 0;
  for (let i = 0; i < source.length; i++) {
    const high = source[i] === 0x25 ? HEX_VALUE[source[i + 1] ?? 0]! : 255;
    const low = high < 16 ? HEX_VALUE[source[i + 2] ?? 0]! : 255;
    if (low < 16) {
      out[at++] = (high << 4) | low;
      i += 2;
    } else {
      out[at++] = source[i]!;
    }
  }
  return out.subarray(0, at);
}

/** Value at `at`: quoted (escapes removed) or all up to ';'. `end` is the index of the next ';' or -1. */
function readValue(text: string, at: number): { value: string; end: number } {
  let i = at;
  while (isSpace(text.charCodeAt(i))) i++;
  if (text[i] !== '"') {
    const stop = nextOf(text, i, ';');
    return { value: withoutComment(text.slice(i, stop)), end: stop < text.length ? stop : -1 };
  }
  let value = '';
  let copied = ++i;
  while (i < text.length && text[i] !== '"') {
    if (text[i] === '\\' && i + 1 < text.length) {
      value += text.slice(copied, i);
      copied = ++i;
    }
    i++;
  }
  value += text.slice(copied, i);
  return { value, end: text.indexOf(';', i) };
}

/** Index of the next character that is in `chars`, the length when none is. */
function nextOf(text: string, from: number, chars: string): number {
  let i = from;
  while (i < text.length && !chars.includes(text[i]!)) i++;
  return i;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Trimmed, and cut at a comment that stands behind white space or first (RFC 2045 5.1 allows comments). */
function withoutComment(text: string): string {
  const trimmed = text.trim();
  const open = trimmed.indexOf('(');
  if (open < 0 || !trimmed.endsWith(')') || (open > 0 && !isSpace(trimmed.charCodeAt(open - 1))))
    return trimmed;
  return trimmed.slice(0, open).trim();
}
