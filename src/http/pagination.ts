import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalidRequest } from '../platform/errors.ts';

/** What a cursor belongs to: it is worth nothing for another application, grant, resource or set of filters. */
export interface CursorScope {
  applicationId: string;
  grantId: string;
  resource: string;
  /** The query as it was understood; the parameters that do not choose rows are left aside. */
  query: object;
}

/** Where a page ended: the sort key of its last row. */
export type Position = (string | number)[];

const MAC_BYTES = 16;
/** They change how much of each row is shown, or where the page starts, but not which rows there are. */
const NOT_FILTERS = new Set(['limit', 'page_token', 'select', 'fields']);

/** Opaque, signed cursors of keyset pagination. The key is 32 random bytes that live as long as clients page. */
export class Cursors {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    if (key.length < 32) throw new Error('a cursor key has 32 bytes');
    this.#key = key;
  }

  issue(scope: CursorScope, position: Position): string {
    const payload = Buffer.from(JSON.stringify(position));
    return Buffer.concat([this.#mac(scope, payload), payload]).toString('base64url');
  }

  /** The position in a cursor, null when there is none; a forged, foreign or re-filtered one is a 400. */
  read(scope: CursorScope, token: string | undefined): Position | null {
    if (!token) return null;
    const bytes = Buffer.from(token, 'base64url');
    const payload = bytes.subarray(MAC_BYTES);
    // Decoding is lenient, so only the one spelling that we issue counts.
    const canonical = bytes.toString('base64url') === token && bytes.length > MAC_BYTES;
    if (!canonical || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.#mac(scope, payload))) {
      throw invalidRequest(
        'page_token',
        'is not a cursor of this list; repeat the filters of the request that returned it',
      );
    }
    return JSON.parse(payload.toString()) as Position;
  }

  #mac(scope: CursorScope, payload: Buffer): Buffer {
    const filters = Object.entries(scope.query)
      .filter(([name, value]) => value !== undefined && !NOT_FILTERS.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const bound = JSON.stringify([scope.applicationId, scope.grantId, scope.resource, filters]);
    const mac = createHmac('sha256', this.#key).update(bound).update('\0').update(payload);
    return mac.digest().subarray(0, MAC_BYTES);
  }
}
