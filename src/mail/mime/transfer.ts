/** Content-Transfer-Encoding (RFC 2045 6): whole-buffer decoding and exact decoded sizes. */

/** Value of a base64 character, 64 for '=', 255 for what RFC 2045 6.8 says to ignore. */
const BASE64_VALUE = new Uint8Array(256).fill(255);
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
for (let i = 0; i < 64; i++) BASE64_VALUE[alphabet.charCodeAt(i)] = i;
BASE64_VALUE[0x3d] = 64;

/** 1 for a base64 character, 0 for the rest. */
const COUNTS = new Uint8Array(256);
for (let i = 0; i < 64; i++) COUNTS[alphabet.charCodeAt(i)] = 1;

/** Value of a hexadecimal digit, 255 for the rest. Lower case is accepted (RFC 2045 6.7, note 2). */
export const HEX_VALUE = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  HEX_VALUE['0123456789ABCDEF'.charCodeAt(i)] = i;
  HEX_VALUE['0123456789abcdef'.charCodeAt(i)] = i;
}

/** White space looked over behind '=' for a soft line break; more than a line's worth is none. */
export const MAX_SOFT_PADDING = 1_000;

/** Bytes that `n` characters of one base64 run decode to; a single left-over character is no byte. */
const bytesOf = (n: number) => Math.floor((n * 3) / 4);

/** Decoded length of the base64 text in raw[start, end): junk ignored, each '=' run ends a quantum. */
function base64Size(raw: Buffer, start: number, end: number): number {
  const encoded = raw.subarray(start, end);
  let size = 0;
  for (let from = 0; from < encoded.length; ) {
    const pad = encoded.indexOf(0x3d, from);
    const to = pad < 0 ? encoded.length : pad;
    size += bytesOf(countBase64(encoded, from, to));
    from = to + 1;
    while (encoded[from] === 0x3d) from++;
  }
  return size;
}

/** Base64 characters in bytes[from, to). Four at a time: this loop sees every byte of every attachment. */
function countBase64(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  let i = from;
  for (const stop = to - 3; i < stop; i += 4) {
    count += COUNTS[bytes[i]!]! + COUNTS[bytes[i + 1]!]! + COUNTS[bytes[i + 2]!]! + COUNTS[bytes[i + 3]!]!;
  }
  for (; i < to; i++) count += COUNTS[bytes[i]!]!;
  return count;
}

/** The bytes of base64 text; junk ignored, padding in the middle ends a quantum and decoding goes on. */
export function decodeBase64(encoded: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(bytesOf(encoded.length) + 1);
  let at = 0;
  let bits = 0;
  let have = 0;
  for (let i = 0; i < encoded.length; i++) {
    const value = BASE64_VALUE[encoded[i]!]!;
    if (value < 64) {
      bits = ((bits << 6) | value) & 0xffffff;
      if (++have === 4) {
        out[at] = bits >> 16;
        out[at + 1] = bits >> 8;
        out[at + 2] = bits;
        at += 3;
        have = 0;
      }
    } else if (value === 64) {
      at = flush(out, at, bits, have);
      have = 0;
    }
  }
  return out.subarray(0, flush(out, at, bits, have));
}

/** Writes the whole bytes of an unfinished quantum of `have` characters; gives the new length. */
function flush(out: Uint8Array, at: number, bits: number, have: number): number {
  if (have === 2) out[at++] = bits >> 4;
  else if (have === 3) {
    out[at++] = bits >> 10;
    out[at++] = bits >> 2;
  }
  return at;
}

/**
 * Bytes taken by the escape or soft line break at raw[i] === '=', 0 when it is neither and stands for itself
 * (RFC 2045 6.7, note 1). A '=' before the end of the data is a soft break when `last` says that no more comes.
 */
function escapeLength(raw: Uint8Array, i: number, end: number, last: boolean): number {
  if (i + 2 < end && HEX_VALUE[raw[i + 1]!]! < 16 && HEX_VALUE[raw[i + 2]!]! < 16) return 3;
  let j = i + 1;
  while (j < end && (raw[j] === 0x20 || raw[j] === 0x09)) j++;
  if (j - i > MAX_SOFT_PADDING) return 0;
  if (j === end) return last ? end - i : 0;
  if (raw[j] === 0x0a) return j + 1 - i;
  if (raw[j] === 0x0d) return j + 1 < end && raw[j + 1] === 0x0a ? j + 2 - i : j + 1 - i;
  return 0;
}

/**
 * The bytes of quoted-printable text: soft breaks removed, escapes decoded, everything else kept. `last` is
 * false for a piece of a longer text that is known to end between two tokens.
 */
export function decodeQuotedPrintable(encoded: Buffer, last = true): Buffer {
  let equals = encoded.indexOf(0x3d);
  if (equals < 0) return encoded;
  const end = encoded.length;
  const out = Buffer.allocUnsafe(end);
  encoded.copy(out, 0, 0, equals);
  let at = equals;
  while (equals < end) {
    const byte = encoded[equals]!;
    const length = byte === 0x3d ? escapeLength(encoded, equals, end, last) : 0;
    if (length === 0) {
      out[at++] = byte;
      equals++;
    } else {
      if (length === 3 && HEX_VALUE[encoded[equals + 1]!]! < 16) {
        out[at++] = (HEX_VALUE[encoded[equals + 1]!]! << 4) | HEX_VALUE[encoded[equals + 2]!]!;
      }
      equals += length;
    }
  }
  return out.subarray(0, at);
}

/** Decoded length of the quoted-printable text in raw[start, end). */
function quotedPrintableSize(raw: Buffer, start: number, end: number): number {
  const encoded = raw.subarray(start, end);
  let size = encoded.length;
  let i = encoded.indexOf(0x3d);
  while (i >= 0) {
    const length = escapeLength(encoded, i, encoded.length, true);
    if (length === 3 && HEX_VALUE[encoded[i + 1]!]! < 16) size -= 2;
    else size -= length;
    i = encoded.indexOf(0x3d, i + Math.max(1, length));
  }
  return size;
}

/** Decoded bytes of a body under its transfer encoding; unknown encodings are identity. */
export function decodeTransfer(encoded: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return decodeBase64(encoded);
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(encoded);
  return encoded;
}

/** Decoded length of raw[start, end) under a transfer encoding, without decoding it. */
export function decodedSize(raw: Buffer, start: number, end: number, encoding: string): number {
  if (encoding === 'base64') return base64Size(raw, start, end);
  if (encoding === 'quoted-printable') return quotedPrintableSize(raw, start, end);
  return end - start;
}
