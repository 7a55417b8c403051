/** Streaming Content-Transfer-Encoding decoders (RFC 2045 6), for attachments of any size. */

import { PassThrough, Transform, type TransformCallback } from 'node:stream';
import { decodeBase64, decodeQuotedPrintable, MAX_SOFT_PADDING } from './transfer.ts';

/**
 * A stream that takes the encoded bytes and gives the decoded ones, however they are cut into chunks.
 * The result is the same as of `decodeTransfer`. Unknown encodings pass through.
 */
export function decodeBody(encoding: string): Transform {
  if (encoding === 'base64') return new Base64Stream();
  if (encoding === 'quoted-printable') return new QuotedPrintableStream();
  return new PassThrough();
}

/** Holds back the characters of the last unfinished quantum. */
class Base64Stream extends Transform {
  private held: Buffer = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const all = this.held.length > 0 ? Buffer.concat([this.held, chunk]) : chunk;
    const ready = wholeQuanta(all);
    this.held = Buffer.from(onlyBase64(all.subarray(ready)));
    done(null, decodeBase64(all.subarray(0, ready)));
  }

  override _flush(done: TransformCallback): void {
    done(null, decodeBase64(this.held));
  }
}

/** Length of the longest prefix that ends at a quantum, so that decoding can stop and start there. */
function wholeQuanta(bytes: Buffer): number {
  const lastPad = bytes.lastIndexOf(0x3d);
  let ready = lastPad + 1;
  let have = 0;
  for (let i = ready; i < bytes.length; i++) {
    if (isBase64(bytes[i]!) && ++have === 4) {
      have = 0;
      ready = i + 1;
    }
  }
  return ready;
}

/** The base64 characters of a short tail, so that junk between chunks never piles up. */
function onlyBase64(tail: Buffer): Buffer {
  return tail.filter(isBase64) as Buffer;
}

function isBase64(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2f
  );
}

/** Holds back an escape or soft break that the end of a chunk cut in two. */
class QuotedPrintableStream extends Transform {
  private held: Buffer = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const all = this.held.length > 0 ? Buffer.concat([this.held, chunk]) : chunk;
    const ready = escapesClosed(all);
    this.held = Buffer.from(all.subarray(ready));
    done(null, decodeQuotedPrintable(all.subarray(0, ready), false));
  }

  override _flush(done: TransformCallback): void {
    done(null, decodeQuotedPrintable(this.held));
  }
}

/** Where the last '=' stands when what follows it may still go on, else the whole length. */
function escapesClosed(bytes: Buffer): number {
  const equals = bytes.lastIndexOf(0x3d);
  const after = bytes.length - equals - 1;
  if (equals < 0 || after > MAX_SOFT_PADDING + 2) return bytes.length;
  if (after < 2) return equals;
  let i = equals + 1;
  while (i < bytes.length && (bytes[i] === 0x20 || bytes[i] === 0x09)) i++;
  const open = i === bytes.length || (bytes[i] === 0x0d && i + 1 === bytes.length);
  return open ? equals : bytes.length;
}
