import { createHash } from 'node:crypto';

/** Bytes of each half of a fingerprint. */
const HALF = 16;

/**
 * The content identity of a raw message: 16 bytes of SHA-256 over the header section (with its closing
 * empty line), then 16 over the whole. The first half can be had without fetching a body.
 */
export function fingerprint(raw: Buffer): Buffer {
  return Buffer.concat([
    headerDigest(headerSection(raw)),
    createHash('sha256').update(raw).digest().subarray(0, HALF),
  ]);
}

/** First half of a fingerprint, from the header section as IMAP's BODY[HEADER] gives it. */
export function headerDigest(header: Buffer): Buffer {
  return createHash('sha256').update(header).digest().subarray(0, HALF);
}

/** The header section of a raw message, including the empty line that ends it (RFC 5322 2.1). */
export function headerSection(raw: Buffer): Buffer {
  const crlf = raw.indexOf('\r\n\r\n');
  const lf = raw.subarray(0, crlf < 0 ? raw.length : crlf).indexOf('\n\n');
  if (lf >= 0) return raw.subarray(0, lf + 2);
  return crlf >= 0 ? raw.subarray(0, crlf + 4) : raw;
}
