import type { Readable } from 'node:stream';
import { ApiError } from '../platform/errors.ts';
import { ProviderError } from '../providers/provider.ts';
import { type LentMailbox, mayTryAgain } from '../providers/with-mailbox.ts';
import type { Database } from '../store/database.ts';
import { findLocations } from '../store/locations.ts';
import type { Scope } from '../store/scope.ts';

/** A whole fetch from the provider may take this long, in ms: a large attachment on a slow server. */
const FETCH_TIMEOUT_MS = 5 * 60_000;

export interface RawParts {
  db: Database;
  /** The mailbox of a grant; `release` is called when the reading is over. */
  mailbox(scope: Scope): Promise<LentMailbox | null>;
}

/** Reads a mail, or a byte range of it, from the provider, from whichever copy is still there. */
export function rawSource(parts: RawParts) {
  return async (
    scope: Scope,
    messageId: string,
    range: { offset: number; length: number } | null,
  ): Promise<Readable> => {
    const locations = await parts.db.tenant(scope.applicationId, (sql) =>
      findLocations(sql, scope, messageId),
    );
    const opened = await parts.mailbox(scope);
    if (!opened || locations.length === 0) {
      await opened?.release();
      throw new ApiError('api.not_found_error', 'The message is no longer at the provider.');
    }
    const { mailbox, release } = opened;
    let last: unknown;
    let tries = 1;
    for (let i = 0; i < locations.length; ) {
      const location = locations[i] as (typeof locations)[0];
      try {
        const stream = await mailbox.fetchRaw(location, range, AbortSignal.timeout(FETCH_TIMEOUT_MS));
        stream.once('close', () => void release());
        return stream;
      } catch (error) {
        last = error;
        if (!(error instanceof ProviderError)) break;
        if (error.kind === 'no_folder' || error.kind === 'changed') i += 1;
        else if (mayTryAgain(error, tries, true)) tries += 1;
        else break;
      }
    }
    await release();
    throw last;
  };
}
