/** Header blocks (RFC 5322 2.2): finding their end and their fields. Works on bytes, gives strings. */

import { guess } from './charset.ts';
import { decodeEncodedWords } from './encoded-word.ts';
import { cleanHeader, oneLine } from './well-formed.ts';

export interface Header {
  name: string;
  value: string;
}

/** A field as found: bytes as Latin-1 characters, unfolded. `key` is the lower-case name. */
export interface RawField {
  key: string;
  name: string;
  latin1: string;
}

export interface HeaderBlock {
  fields: RawField[];
  /** Offset of the first body byte. */
  bodyStart: number;
  /** Which cap was met, if any. */
  truncated: 'header_bytes' | 'header_count' | null;
}

export interface HeaderLimits {
  maxBytes: number;
  maxFields: number;
}

const LF = 10;
const CR = 13;

/**
 * Reads the header block at raw[start, end). The block ends at the first empty line; a block that begins with
 * a line that is no field has no fields and that line is body; later lines that are no field are skipped.
 * `stopsAt` may end the block before a line that starts with '-' (a delimiter of an enclosing multipart).
 */
export function readHeaderBlock(
  raw: Buffer,
  start: number,
  end: number,
  limits: HeaderLimits,
  stopsAt?: (lineStart: number) => boolean,
): HeaderBlock {
  const { blockEnd, bodyStart } = findBlockEnd(raw, start, end, stopsAt);
  const tooLong = blockEnd - start > limits.maxBytes;
  const block = raw.toString('latin1', start, tooLong ? start + limits.maxBytes : blockEnd);
  const { fields, bodyAt, full } = readFields(block, limits.maxFields);
  if (bodyAt >= 0) return { fields, bodyStart: start + bodyAt, truncated: null };
  return {
    fields,
    bodyStart,
    truncated: tooLong ? 'header_bytes' : full ? 'header_count' : null,
  };
}

/** Offsets of the end of the fields and of the body behind the empty line. */
function findBlockEnd(raw: Buffer, start: number, end: number, stopsAt?: (lineStart: number) => boolean) {
  let line = start;
  while (line < end) {
    const first = raw[line]!;
    if (first === LF) return { blockEnd: line, bodyStart: line + 1 };
    if (first === CR && raw[line + 1] === LF && line + 1 < end)
      return { blockEnd: line, bodyStart: line + 2 };
    if (first === 0x2d && stopsAt?.(line)) return { blockEnd: line, bodyStart: line };
    const feed = raw.indexOf(LF, line);
    if (feed < 0 || feed >= end) break;
    line = feed + 1;
  }
  return { blockEnd: end, bodyStart: end };
}

function readFields(block: string, maxFields: number) {
  const fields: RawField[] = [];
  const folds: string[] = []; // folded lines of the field being read
  let at = 0;
  let continues = false; // does a folded line belong to the last field kept?
  while (at < block.length) {
    let feed = block.indexOf('\n', at);
    if (feed < 0) feed = block.length;
    let stop = feed;
    if (stop > at && block.charCodeAt(stop - 1) === CR) stop--;
    const first = block.charCodeAt(at);
    if ((first === 0x20 || first === 0x09) && fields.length > 0) {
      if (continues) folds.push(block.slice(at, stop));
    } else {
      unfold(fields, folds);
      continues = false;
      const colon = fieldColon(block, at, stop);
      let nameEnd = colon;
      while (nameEnd > at && isSpace(block.charCodeAt(nameEnd - 1))) nameEnd--;
      if (nameEnd > at) {
        if (fields.length >= maxFields) return { fields, bodyAt: -1, full: true };
        const name = block.slice(at, nameEnd);
        fields.push({ key: name.toLowerCase(), name, latin1: trimSpace(block, colon + 1, stop) });
        continues = true;
      } else if (fields.length === 0 && !isMboxLine(block, at)) {
        return { fields, bodyAt: at, full: false };
      }
    }
    at = feed + 1;
  }
  unfold(fields, folds);
  return { fields, bodyAt: -1, full: false };
}

/** RFC 5322 2.2.3: a fold is a line end before white space; the white space stays. */
function unfold(fields: RawField[], folds: string[]): void {
  if (folds.length === 0) return;
  const field = fields[fields.length - 1]!;
  const joined = folds.join('');
  field.latin1 = trimSpace(field.latin1 + joined, 0, field.latin1.length + joined.length);
  folds.length = 0;
}

/** Index of the colon behind a field name (printable ASCII, RFC 5322 2.2), else -1. */
function fieldColon(block: string, at: number, stop: number): number {
  for (let i = at; i < stop; i++) {
    const code = block.charCodeAt(i);
    if (code === 0x3a) return i;
    if (code <= 0x20 || code >= 0x7f) {
      while (i < stop && isSpace(block.charCodeAt(i))) i++;
      return block.charCodeAt(i) === 0x3a && i < stop ? i : -1;
    }
  }
  return -1;
}

function isMboxLine(block: string, at: number): boolean {
  return block.startsWith('From ', at) || block.startsWith('>From ', at);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function trimSpace(text: string, from: number, to: number): string {
  let start = from;
  let stop = to;
  while (start < stop && isSpace(text.charCodeAt(start))) start++;
  while (stop > start && isSpace(text.charCodeAt(stop - 1))) stop--;
  return text.slice(start, stop);
}

/** Unicode of a field's bytes: UTF-8 (RFC 6532) when valid, else windows-1252. No NUL, line ends as spaces. */
export function fieldText(latin1: string): string {
  for (let i = 0; i < latin1.length; i++) {
    const code = latin1.charCodeAt(i);
    if (code >= 0x80 || code === 0 || code === CR) {
      return cleanHeader(guess(Buffer.from(latin1, 'latin1'))).replaceAll('\r', ' ');
    }
  }
  return latin1;
}

/** Text for display: encoded words decoded, controls and line breaks made spaces. */
export function displayText(text: string): string {
  return oneLine(decodeEncodedWords(text));
}
