/** Bytes to text under any charset name, wrong ones included. Never throws (reliability.md IN3). */

import { isAscii, isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';

type Decode = (bytes: Buffer) => string;

/** Longest label that is looked up; the longest registered name has 45 characters. */
const MAX_LABEL = 45;
/** Labels that say nothing about the bytes: these are judged by looking. */
const VAGUE = new Set([
  '',
  'us-ascii',
  'ascii',
  'ansi_x3.4-1968',
  'unknown-8bit',
  'x-unknown',
  'unknown',
  '7bit',
  '8bit',
  'default',
  'binary',
]);
/** Labels that the WHATWG table lacks, under the name iconv-lite has. */
const ALIASES: Record<string, string> = {
  __proto__: null as never,
  'utf-7': 'utf-7',
  'unicode-1-1-utf-7': 'utf-7',
  'utf-16': 'utf-16',
  'utf-32': 'utf-32',
  ansi: 'windows-1252',
  'iso-8859-8-e': 'iso-8859-8',
};

/** Known labels only, so hostile labels cannot make it grow. */
const decoders = new Map<string, Decode>();
/** Labels found to be unknown (asking costs an exception); emptied when full. */
const unknown = new Set<string>();
const MAX_UNKNOWN = 1_000;

/**
 * Text of `bytes` under `label` (any case, may be absent or nonsense). UTF-8 names are checked: bytes that
 * hold no valid multi-byte sequence are read as windows-1252; vague and unknown names are read as UTF-8 when
 * valid, else windows-1252. May hold U+0000.
 */
export function decodeCharset(bytes: Buffer, label: string | null | undefined): string {
  if (bytes.length === 0) return '';
  const name = label ? label.trim().toLowerCase() : '';
  if (name === 'utf-8' || name === 'utf8') return decodeUtf8(bytes);
  if (VAGUE.has(name) || name.length > MAX_LABEL) return guess(bytes);
  const decode = decoders.get(name) ?? findDecoder(name);
  if (!decode) return guess(bytes);
  try {
    return decode(bytes);
  } catch {
    return guess(bytes);
  }
}

/** UTF-8 when the bytes are, else windows-1252: what 8-bit header bytes are in practice. */
export function guess(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (isUtf8(bytes)) return stripBom(bytes.toString('utf8'));
  return windows1252.decode(bytes);
}

const windows1252 = new TextDecoder('windows-1252');
const utf8 = new TextDecoder('utf-8');

function decodeUtf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return stripBom(bytes.toString('utf8'));
  return hasMultibyte(bytes) ? utf8.decode(bytes) : windows1252.decode(bytes);
}

/** Is there one complete multi-byte UTF-8 sequence? Then the name was right and the bytes were damaged. */
function hasMultibyte(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const lead = bytes[i]!;
    if (lead < 0xc2 || lead > 0xf4) continue;
    const need = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    let have = 0;
    while (have < need && (bytes[i + 1 + have] ?? 0) >> 6 === 2) have++;
    if (have === need) return true;
    i += have;
  }
  return false;
}

function findDecoder(name: string): Decode | null {
  if (unknown.has(name)) return null;
  const decode = makeDecoder(name) ?? (name.startsWith('x-') ? makeDecoder(name.slice(2)) : null);
  if (decode) decoders.set(name, decode);
  else {
    if (unknown.size >= MAX_UNKNOWN) unknown.clear();
    unknown.add(name);
  }
  return decode;
}

function makeDecoder(name: string): Decode | null {
  const alias = ALIASES[name];
  if (!alias) {
    try {
      const decoder = new TextDecoder(name);
      return (bytes) => decoder.decode(bytes);
    } catch {
      // not in the WHATWG table
    }
  }
  const known = alias ?? name;
  return iconv.encodingExists(known) ? (bytes) => stripBom(iconv.decode(bytes, known)) : null;
}

function stripBom(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
