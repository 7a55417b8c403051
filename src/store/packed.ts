/**
 * Many byte strings as one parameter. An array of bytea travels as text, each byte as two digits that are written and read
 * one by one; one bytea travels as it is, and SQL takes it apart: `substr($n, at, length)`.
 */
export interface Packed {
  bytes: Buffer;
  /** Where each begins, from 1 on as in SQL. */
  at: number[];
  lengths: number[];
}

/** Packs byte strings; less than 1 GB in all, which is PostgreSQL's limit for one value. */
export function packed(parts: Uint8Array[]): Packed {
  const lengths = parts.map((part) => part.length);
  let next = 1;
  const at = lengths.map((length) => {
    const here = next;
    next += length;
    return here;
  });
  return { bytes: Buffer.concat(parts), at, lengths };
}
