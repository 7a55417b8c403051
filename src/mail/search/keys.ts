/**
 * What stands in the inverted index beside words. No word can be one of these: words are letters and digits only.
 *   f:ada@example.org   who stands in From; t: c: b: likewise To, Cc and Bcc
 *   ~abc                three neighbours in the subject, for "contains"
 *   !places             not every place of every word is kept; see document.ts
 *   #grant, #grant.2953 whose mail it is, and in which week it came
 * The migration 0003-search.sql makes the same keys for mail that was there before.
 */

import { createHash } from 'node:crypto';
import { normalizeAddress } from '../address.ts';
import { isUnspaced } from './words.ts';

/** A header field whose addresses can be asked for. */
export type AddressField = 'from' | 'to' | 'cc' | 'bcc';

export const ADDRESS_FIELDS: readonly AddressField[] = ['from', 'to', 'cc', 'bcc'];

/** Bytes of an address that stands in a key as it is; PostgreSQL takes 2 KB, RFC 5321 allows 254. */
const MAX_ADDRESS = 256;

export function addressKey(field: AddressField, address: string): string {
  const normal = normalizeAddress(address);
  const short = Buffer.byteLength(normal) <= MAX_ADDRESS;
  return `${field[0]}:${short ? normal : createHash('sha256').update(normal).digest('hex')}`;
}

/** A subject as it is looked into: case does not count, accents do. */
export function subjectText(subject: string): string {
  return subject.toLowerCase().toWellFormed();
}

/**
 * Every three neighbours in `text` (of {@link subjectText}), and two where the script sets no spaces. A text that
 * holds another holds all of its keys.
 */
export function subjectKeys(text: string): string[] {
  const keys = new Set<string>();
  const characters = [...text];
  for (let i = 0; i + 1 < characters.length; i++) {
    const pair = `${characters[i]}${characters[i + 1]}`;
    if (isUnspaced(pair)) keys.add(`~${pair}`);
    if (i + 2 < characters.length) keys.add(`~${pair}${characters[i + 2]}`);
  }
  return [...keys];
}

export function grantKey(grantId: string): string {
  return `#${Buffer.from(grantId.replaceAll('-', ''), 'hex').toString('base64').slice(0, 22)}`;
}

const WEEK_SECONDS = 7 * 24 * 60 * 60;

/** The week of a moment (unix seconds), as {@link weekKey} counts it. */
export function weekOf(date: number): number {
  return Math.floor(date / WEEK_SECONDS);
}

export function weekKey(grantId: string, week: number): string {
  return `${grantKey(grantId)}.${week}`;
}
