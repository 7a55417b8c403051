import { hash } from 'node:crypto';

/** Bytes of each half of a fingerprint. */
const HALF = 16;

/**
 * The content identity of a raw message: 16 bytes of SHA-256 over the header section (with its closing
 * empty line), then 16 over the whole. The first half can be had without fetching a body. `sha256`: of
 * the whole, where it is known.
 */
export function fingerprint(raw: Buffer, sha256: Buffer = hash('sha256', raw, 'buffer')): Buffer {
  return Buffer.concat([headerDigest(headerSection(raw)), sha256.subarray(0, HALF)]);
}

/** First half of a fingerprint, from the header section as IMAP's BODY[HEADER] gives it. */
export function headerDigest(header: Buffer): Buffer {
  return hash('sha256', header, 'buffer').subarray(0, HALF);
}

/** The header section of a raw message, including the empty line that ends it (RFC 5322 2.1). */
export function headerSection(raw: Buffer): Buffer {
  const crlf = raw.indexOf('\r\n\r\n');
  const lf = raw.subarray(0, crlf < 0 ? raw.length : crlf).indexOf('\n\n');
  if (lf >= 0) return raw.subarray(0, lf + 2);
  return crlf >= 0 ? raw.subarray(0, crlf + 4) : raw;
}
