import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { StartupError } from './errors.ts';

/** Bytes of a master key (AES-256). */
const MASTER_KEY_BYTES = 32;
/** Bytes of a key id, in the envelope and, as hex, in master_keys. */
const KEY_ID_BYTES = 8;

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const IV_AT = 1 + KEY_ID_BYTES;
const TAG_AT = IV_AT + IV_BYTES;
const BODY_AT = TAG_AT + TAG_BYTES;
const CIPHER = 'aes-256-gcm';
/** A random key has about 30 different bytes; fewer than this is a pattern, not chance (odds below 1e-10). */
const MIN_DISTINCT_BYTES = 16;

/** A ciphertext that does not open: another key, another row, or tampered with. */
export class DecryptionError extends Error {
  override name = 'DecryptionError';
}

/** One master key. It never leaves this object; what it encrypts is bound to the place given as associated data. */
export class MasterKey {
  /** Derived from the key, so that the same key has the same id everywhere. 16 hex digits. */
  readonly id: string;
  readonly #raw: Buffer;
  readonly #cipherKey: Buffer;

  constructor(raw: Buffer) {
    if (raw.length !== MASTER_KEY_BYTES) throw new Error('a master key has 32 bytes');
    this.#raw = Buffer.from(raw);
    this.#cipherKey = Buffer.from(hkdfSync('sha256', raw, '', 'mailquay secret columns 1', MASTER_KEY_BYTES));
    const idSource = Buffer.from(hkdfSync('sha256', raw, '', 'mailquay master key id 1', 32));
    this.id = createHash('sha256')
      .update(idSource)
      .digest('hex')
      .slice(0, KEY_ID_BYTES * 2);
  }

  static generate(): MasterKey {
    return new MasterKey(randomBytes(MASTER_KEY_BYTES));
  }

  /** Another key that follows from this one, for one named purpose (RFC 5869). */
  derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#raw, '', `mailquay derived: ${purpose}`, MASTER_KEY_BYTES));
  }

  /** For the key file only. */
  export(): string {
    return this.#raw.toString('base64url');
  }

  /** Envelope: version, key id, IV, tag, ciphertext (rule 31). */
  encrypt(plaintext: Buffer, associated: Buffer): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.#cipherKey, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(associated);
    const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return Buffer.concat([
      Buffer.from([VERSION]),
      Buffer.from(this.id, 'hex'),
      iv,
      cipher.getAuthTag(),
      body,
    ]);
  }

  /** Throws {@link DecryptionError} unless key, place and every byte are right. */
  decrypt(envelope: Buffer, associated: Buffer): Buffer {
    if (keyIdOf(envelope) !== this.id) throw new DecryptionError('encrypted with another master key');
    const iv = envelope.subarray(IV_AT, TAG_AT);
    const tag = envelope.subarray(TAG_AT, BODY_AT);
    const decipher = createDecipheriv(CIPHER, this.#cipherKey, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(associated);
    decipher.setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(envelope.subarray(BODY_AT)), decipher.final()]);
    } catch {
      throw new DecryptionError('the ciphertext does not belong to this place, or was changed');
    }
  }

  toJSON(): string {
    return `[master key ${this.id}]`;
  }
}

/** Which key an envelope was made with. */
export function keyIdOf(envelope: Buffer): string {
  if (envelope.length < BODY_AT || envelope[0] !== VERSION) throw new DecryptionError('not an envelope');
  return envelope.subarray(1, 1 + KEY_ID_BYTES).toString('hex');
}

/**
 * Reads a key written as hex, base64 or base64url, and refuses what is no key: too short, all zero, a pattern,
 * or plain text. `source` names where it came from; the value itself is in no message.
 */
export function parseMasterKey(text: string, source: string): MasterKey {
  const raw = decode(text.trim());
  if (!raw) {
    throw new StartupError(
      `${source} must be 32 random bytes as hex (64 digits) or base64. Make one with: openssl rand -base64 32`,
    );
  }
  if (isGuessable(raw)) {
    throw new StartupError(
      `${source} is not random (it is a pattern, a default or plain text). Make one with: openssl rand -base64 32`,
    );
  }
  return new MasterKey(raw);
}

function decode(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  if (!/^[A-Za-z0-9+/]{43}=?$/.test(text) && !/^[A-Za-z0-9_-]{43}=?$/.test(text)) return undefined;
  const raw = Buffer.from(text, 'base64');
  return raw.length === MASTER_KEY_BYTES ? raw : undefined;
}

function isGuessable(raw: Buffer): boolean {
  if (new Set(raw).size < MIN_DISTINCT_BYTES) return true;
  // Text in place of bytes: the odds of this happening by chance are 1 in 10^13.
  if (raw.every((byte) => byte >= 0x20 && byte < 0x7f)) return true;
  const steps = new Set(raw.subarray(1).map((byte, i) => byte - (raw[i] ?? 0)));
  return steps.size === 1;
}
