import { createHash } from 'node:crypto';
import type { Candidate } from '../store/message-writes.ts';

/**
 * New mail is known already from another folder: it was copied, or moved and its old place has not been looked at.
 * Who looks there first tells of one change instead of two.
 */
export class SourcesFirst extends Error {
  override name = 'SourcesFirst';
}

/**
 * New mail is the same as mail that lies in this very folder: two copies, or one that has left and come back under
 * another UID. Whether these UIDs are still there must be asked before either is believed.
 */
export class RivalsHere extends Error {
  override name = 'RivalsHere';
  readonly uids: number[];

  constructor(uids: number[]) {
    super('new mail is the same as stored mail of its folder');
    this.uids = uids;
  }
}

/** What tells one message from another. */
export interface Identity {
  /** The provider's stable id; wins over content when there is one. */
  remoteId: string | null;
  fingerprint: Buffer;
}

/** The folder copy that looks for its message. */
export interface Place {
  folderId: string;
  uidValidity: number;
}

/**
 * Decides which stored message a copy belongs to, one copy after the other. Two copies in one folder
 * are two messages, even with the same bytes; so a message that has a live copy in this folder is taken.
 */
export class Matcher {
  readonly #grantId: string;
  readonly #place: Place;
  readonly #byKey = new Map<string, Candidate[]>();
  readonly #taken = new Set<string>();
  readonly #known: Set<string>;
  /** Where the search for a free ordinal goes on, by key: a thousand equal mails must not cost a million tries. */
  readonly #ordinals = new Map<string, number>();

  constructor(grantId: string, place: Place, candidates: Candidate[]) {
    this.#grantId = grantId;
    this.#place = place;
    this.#known = new Set(candidates.map((c) => c.id));
    for (const candidate of candidates) {
      this.#add(keyOf(candidate), candidate);
      // A message stored before the server gave stable ids is still found by content.
      if (candidate.remoteId) this.#add(contentKey(candidate.fingerprint), candidate);
      const here = candidate.locations.some(
        (l) => !l.gone && l.folderId === place.folderId && l.uidValidity === place.uidValidity,
      );
      if (here) this.#taken.add(candidate.id);
    }
  }

  /** UIDs in this folder under which the store has what this copy is. */
  rivals(identity: Identity): number[] {
    const same = [
      ...(this.#byKey.get(contentKey(identity.fingerprint)) ?? []),
      ...(identity.remoteId ? (this.#byKey.get(keyOf(identity)) ?? []) : []),
    ];
    return same
      .filter((c) => sameRemote(c.remoteId, identity.remoteId))
      .flatMap((c) => c.locations)
      .filter(
        (l) => !l.gone && l.folderId === this.#place.folderId && l.uidValidity === this.#place.uidValidity,
      )
      .map((l) => l.uid);
  }

  /** The stored message for this copy if there is a free one; it is taken then. */
  find(identity: Identity): Candidate | undefined {
    const found = this.#find(identity);
    if (found) this.#taken.add(found.id);
    return found;
  }

  /** The stored message for this copy, or the id for a new one. */
  take(identity: Identity): { id: string; existing: Candidate | null } {
    const found = this.#find(identity);
    if (found) {
      this.#taken.add(found.id);
      return { id: found.id, existing: found };
    }
    const key = keyOf(identity);
    const same = this.#byKey.get(key) ?? [];
    const { id, ordinal } = this.#freeId(key, same.length);
    this.#ordinals.set(key, ordinal + 1);
    this.#taken.add(id);
    return { id, existing: null };
  }

  #find(identity: Identity): Candidate | undefined {
    const byContent = this.#byKey.get(contentKey(identity.fingerprint)) ?? [];
    const byRemote = identity.remoteId ? (this.#byKey.get(keyOf(identity)) ?? []) : [];
    const free = [...byRemote, ...byContent].filter(
      (c) => !this.#taken.has(c.id) && sameRemote(c.remoteId, identity.remoteId),
    );
    // First the one that left this very place, then one that is missing elsewhere, then any other copy.
    return (
      free.find((c) => c.locations.some((l) => l.folderId === this.#place.folderId)) ??
      free.find((c) => c.locations.some((l) => l.gone)) ??
      free[0]
    );
  }

  #freeId(key: string, same: number): { id: string; ordinal: number } {
    for (let ordinal = this.#ordinals.get(key) ?? same; ; ordinal += 1) {
      const id = messageIdOf(this.#grantId, key, ordinal);
      if (!this.#known.has(id) && !this.#taken.has(id)) return { id, ordinal };
    }
  }

  #add(key: string, candidate: Candidate): void {
    const list = this.#byKey.get(key);
    if (!list) this.#byKey.set(key, [candidate]);
    else if (!list.includes(candidate)) list.push(candidate);
  }
}

/** Copies of a message that a new copy makes needless: those that are gone, and those of an older UIDVALIDITY here. */
export function replacedBy(message: Candidate, place: Place): Candidate['locations'] {
  return message.locations.filter(
    (l) => l.gone || (l.folderId === place.folderId && l.uidValidity !== place.uidValidity),
  );
}

/** True when a copy that is not known to be gone lies in another folder. */
export function liesElsewhere(message: Candidate, place: Place): boolean {
  return message.locations.some((l) => !l.gone && l.folderId !== place.folderId);
}

/**
 * Finds the one stored message that a cheap identity must mean: same header section, size and date,
 * a Message-ID, and no rival. Anything less certain is fetched and compared whole.
 */
export function matchByHeader(
  copy: { headerDigest: Buffer; size: number; internalDate: number },
  candidates: Candidate[],
): Candidate | null {
  const same = candidates.filter((c) => c.fingerprint.subarray(0, 16).equals(copy.headerDigest));
  const only = same.length === 1 ? same[0] : undefined;
  return only?.hasMessageId && only.size === copy.size && only.date === copy.internalDate ? only : null;
}

/** The fingerprint of a placeholder is its place: it is taken for no other mail, and known again when the mail comes. */
export function placeholderFingerprint(place: Place, uid: number): Buffer {
  return createHash('sha256').update(`placeholder\0${place.folderId}\0${place.uidValidity}\0${uid}`).digest();
}

/**
 * The ids that a mail with a stable id of the provider would get. Another mail may have one of them: one from an account
 * that the grant has left, whose provider counted alike.
 */
export function likelyIds(grantId: string, { remoteId, fingerprint }: Identity): string[] {
  if (!remoteId) return [];
  return [0, 1].map((ordinal) => messageIdOf(grantId, keyOf({ remoteId, fingerprint }), ordinal));
}

function sameRemote(stored: string | null, given: string | null): boolean {
  return stored === null || given === null || stored === given;
}

function keyOf(identity: Identity): string {
  return identity.remoteId ? `r:${identity.remoteId}` : contentKey(identity.fingerprint);
}

function contentKey(fingerprint: Buffer): string {
  return `c:${fingerprint.toString('hex')}`;
}

/** Bytes of the hash behind a message id: enough that no two of a grant's messages ever meet. */
const ID_BYTES = 15;

/**
 * The id of a new message: made from the grant and the content, so that a sync that starts over makes the
 * same ids; the ordinal tells equal messages of one folder apart.
 */
function messageIdOf(grantId: string, key: string, ordinal: number): string {
  const hash = createHash('sha256').update(`message\0${grantId}\0${key}\0${ordinal}`).digest();
  return `m${base32(hash.subarray(0, ID_BYTES))}`;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 base32 in lower case, for whole groups of 5 bytes. */
export function base32(bytes: Buffer): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >> bits) & 31];
      value &= (1 << bits) - 1;
    }
  }
  return text;
}
