/** Encoded words in header text (RFC 2047, with the language tags of RFC 2231 5). */

import { decodeCharset } from './charset.ts';
import { decodeBase64, HEX_VALUE } from './mime/transfer.ts';

/** Longest charset name, language included, that starts an encoded word. */
const MAX_CHARSET = 60;

/** Words decoded in one text; what follows stays as it is. A long subject has some dozens. */
const MAX_WORDS = 5_000;

/** One encoded word found in a text. `end` is the index behind '?='. */
interface EncodedWord {
  charset: string;
  encoding: 'b' | 'q';
  text: string;
  end: number;
}

/**
 * Header text with its encoded words decoded; the white space between two of them is dropped, and neighbours
 * in one charset are joined before decoding, so that a character cut in two is whole again. The result is
 * for display only: it may hold any character (line breaks too) and must never be parsed as header syntax.
 * Linear in the length of `text`.
 */
export function decodeEncodedWords(text: string): string {
  let start = text.indexOf('=?');
  if (start < 0) return text;
  let out = '';
  let copied = 0;
  let terminator = -1;
  let pending: Buffer[] = [];
  let charset = '';
  const flush = () => {
    if (pending.length > 0)
      out += decodeCharset(pending.length > 1 ? Buffer.concat(pending) : pending[0]!, charset);
    pending = [];
  };
  for (let words = 0; start >= 0 && words < MAX_WORDS; words++) {
    const open = wordOpening(text, start);
    if (open) {
      if (terminator < open.textStart) {
        terminator = text.indexOf('?=', open.textStart);
        if (terminator < 0) break;
      }
      const word: EncodedWord = {
        charset: open.charset,
        encoding: open.encoding,
        text: text.slice(open.textStart, terminator),
        end: terminator + 2,
      };
      const gap = text.slice(copied, start);
      const joins = pending.length > 0 && isBlank(gap);
      if (!joins) {
        flush();
        out += gap;
      } else if (word.charset !== charset) {
        flush();
      }
      charset = word.charset;
      pending.push(wordBytes(word));
      copied = word.end;
      start = text.indexOf('=?', copied);
    } else {
      start = text.indexOf('=?', start + 2);
    }
  }
  flush();
  return out + text.slice(copied);
}

/**
 * Does a whole encoded word without white space stand at `at`? Gives the index behind it, else -1.
 * Looks at no more than `max` characters.
 */
export function encodedWordEnd(text: string, at: number, max = 600): number {
  const open = wordOpening(text, at);
  if (!open) return -1;
  const stop = Math.min(text.length - 1, at + max);
  for (let i = open.textStart; i < stop; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20) return -1;
    if (code === 0x3f && text.charCodeAt(i + 1) === 0x3d) return i + 2;
  }
  return -1;
}

/** '=?charset?B?' at `at`: the charset without its language, the encoding, and where the text begins. */
function wordOpening(text: string, at: number) {
  if (text.charCodeAt(at) !== 0x3d || text.charCodeAt(at + 1) !== 0x3f) return null;
  let i = at + 2;
  const stop = Math.min(text.length, i + MAX_CHARSET);
  while (i < stop && isCharsetChar(text.charCodeAt(i))) i++;
  if (i === at + 2 || text.charCodeAt(i) !== 0x3f || text.charCodeAt(i + 2) !== 0x3f) return null;
  const letter = text.charCodeAt(i + 1) | 0x20;
  if (letter !== 0x62 && letter !== 0x71) return null;
  const name = text.slice(at + 2, i).toLowerCase();
  const star = name.indexOf('*');
  return {
    charset: star < 0 ? name : name.slice(0, star),
    encoding: letter === 0x62 ? ('b' as const) : ('q' as const),
    textStart: i + 3,
  };
}

function isCharsetChar(code: number): boolean {
  return code > 0x20 && code < 0x7f && code !== 0x3f && code !== 0x3d;
}

function isBlank(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return false;
  }
  return true;
}

function wordBytes(word: EncodedWord): Buffer {
  if (word.encoding === 'b') return decodeBase64(Buffer.from(word.text, 'latin1'));
  const source = Buffer.from(word.text, 'utf8');
  const out = Buffer.allocUnsafe(source.length);
  let at = 0;
  for (let i = 0; i < source.length; i++) {
    const byte = source[i]!;
    const high = byte === 0x3d ? HEX_VALUE[source[i + 1] ?? 0]! : 255;
    const low = high < 16 ? HEX_VALUE[source[i + 2] ?? 0]! : 255;
    if (low < 16) {
      out[at++] = (high << 4) | low;
      i += 2;
    } else {
      out[at++] = byte === 0x5f ? 0x20 : byte;
    }
  }
  return out.subarray(0, at);
}
