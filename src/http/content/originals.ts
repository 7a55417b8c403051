import { tmpdir } from 'node:os';
import type { Readable } from 'node:stream';
import { decodeBody } from '../../mail/mime/decode-body.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Log } from '../../platform/log.ts';
import type { BlobStore } from '../../store/blobs/blob-store.ts';
import type { RawPlace, StoredAttachment } from '../../store/reads/message-rows.ts';
import type { Scope } from '../../store/scope.ts';
import type { Bytes } from '../answer.ts';
import { type Expected, SpoolFailed, verified } from './verified.ts';

/**
 * Reads a mail, or a byte range of it, from the provider. An {@link ApiError} goes to the caller as it is;
 * anything else is answered as a failure of the provider.
 */
export type RawSource = (
  grant: Scope,
  messageId: string,
  range: { offset: number; length: number } | null,
) => Promise<Readable>;

export interface OriginalsParts {
  blobs: BlobStore;
  fetchRaw: RawSource;
  /** How long raw copies are kept; an older one is not looked for. */
  retentionDays: number;
  log: Log;
  /** Where larger pieces wait while they are checked. */
  spoolDirectory?: string;
  now?: () => number;
}

/** What is wanted of a mail, and what it must be. */
interface Piece {
  range: { offset: number; length: number } | null;
  expected: Expected;
  encoding: string | undefined;
}

/** A disk is full for minutes, but a large download beside ours may have filled it for a moment. */
const NO_ROOM_RETRY_SECONDS = 5;
const DAY_MS = 86_400_000;

/** The bytes of mails as they came: from the raw copy while there is one, otherwise from the provider. */
export class Originals {
  readonly #parts: OriginalsParts;

  constructor(parts: OriginalsParts) {
    this.#parts = parts;
  }

  /** A whole mail, checked. The signal tells that nobody waits for it any more. */
  message(scope: Scope, place: RawPlace, signal: AbortSignal): Promise<Bytes> {
    const expected = { length: place.size, sha256: place.sha256.toString('hex') };
    return this.#open(scope, place, { range: null, expected, encoding: undefined }, signal);
  }

  /** An attachment, checked and decoded. */
  attachment(
    scope: Scope,
    place: RawPlace,
    attachment: StoredAttachment,
    signal: AbortSignal,
  ): Promise<Bytes> {
    const range = { offset: attachment.offset, length: attachment.length };
    const expected = { length: attachment.length, sha256: attachment.sha256 };
    return this.#open(scope, place, { range, expected, encoding: attachment.encoding }, signal);
  }

  async #open(scope: Scope, place: RawPlace, piece: Piece, signal: AbortSignal): Promise<Bytes> {
    const { blobs, fetchRaw, log, spoolDirectory = tmpdir() } = this.#parts;
    const { range, expected, encoding } = piece;
    const check = (source: Readable) => {
      const decoder = encoding === undefined ? undefined : decodeBody(encoding);
      return verified(source, expected, spoolDirectory, { decoder, signal });
    };
    if (this.#hasCopy(place)) {
      try {
        const start = place.offset! + (range?.offset ?? 0);
        return await check(await blobs.read(place.object!, { offset: start, length: expected.length }));
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof SpoolFailed) throw this.#noRoom(error);
        const { name, code } = error as NodeJS.ErrnoException;
        log.warn({ grantId: scope.grantId, messageId: place.messageId, name, code }, 'raw copy not usable');
      }
    }
    try {
      return await check(await fetchRaw(scope, place.messageId, range));
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (error instanceof SpoolFailed) throw this.#noRoom(error);
      const { response } = error as { response?: unknown };
      throw new ApiError(
        'api.provider_error',
        'The mail provider did not hand out the original of this message.',
        {
          ...(typeof response === 'string' ? { providerError: { message: response } } : {}),
          cause: error,
        },
      );
    }
  }

  /** Neither the raw copy nor the provider is at fault, and to ask the next one would not help. */
  #noRoom(error: SpoolFailed): ApiError {
    const { code } = error.cause as NodeJS.ErrnoException;
    this.#parts.log.error({ code }, 'large originals cannot be checked: the data directory takes no file');
    return new ApiError(
      'api.unavailable',
      'The service has no room to check this large original. Try again later.',
      {
        retryAfterSeconds: NO_ROOM_RETRY_SECONDS,
        cause: error,
      },
    );
  }

  #hasCopy(place: RawPlace): boolean {
    if (place.object === null || place.offset === null || place.storedAt === null) return false;
    return (this.#parts.now ?? Date.now)() - place.storedAt < this.#parts.retentionDays * DAY_MS;
  }
}
