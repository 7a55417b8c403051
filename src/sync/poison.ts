import { prepareMail } from '../mail/prepare.ts';
import type { MessageOutline, OpenFolder, RemoteMessage } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import { clearFailures, countAttempt, forgiveAttempt, parkFailure } from '../store/sync-failures.ts';
import type { Arrival } from './apply.ts';
import type { SyncContext } from './context.ts';
import { placeholderFingerprint } from './match.ts';
import { packMail } from './packed-mail.ts';
import type { Place } from './transaction.ts';

/** Up to this many attempts the whole mail is asked for, then its headers, then flags and dates only, then nothing. */
const WHOLE_ATTEMPTS = 5;
const HEADER_ATTEMPTS = 6;
const BARE_ATTEMPTS = 7;

/** What is known of a mail that resisted. `stored`: its placeholder is there. */
export interface Resisting {
  attempts: number;
  parked: boolean;
  stored: boolean;
}

/**
 * Asks for one mail that resisted. What comes is the mail; or, when it has resisted too often, a placeholder made of
 * what can be had; once that is stored the caller parks the mail. Null: later.
 */
export async function askAlone(
  ctx: SyncContext,
  folder: OpenFolder,
  place: Place,
  uid: number,
  before: Resisting,
  prepare: (messages: RemoteMessage[]) => Promise<Arrival[]>,
): Promise<Arrival | null> {
  const { writer, timings } = ctx;
  const next = new Date(writer.clock().getTime() + waitAfter(before.attempts + 1, timings));
  // Counted before it is tried: a mail that ends the process is counted too.
  const attempts = await writer.db.engine((sql) => countAttempt(sql, writer.scope, place, uid, next));
  if (before.stored && !before.parked) await park(ctx, place, uid);
  try {
    if (before.stored || attempts <= WHOLE_ATTEMPTS) {
      for await (const message of folder.messages([uid])) {
        if ('unreadable' in message) return null;
        const [arrival] = await prepare([message]);
        return arrival ?? null;
      }
      await forget(ctx, place, uid);
      return null;
    }
    const outline = await lookAt(folder, uid, attempts);
    if (!outline && (await folder.present([uid])).length === 0) {
      await forget(ctx, place, uid);
      return null;
    }
    // Nothing of it comes: the next attempt asks for less.
    if (!outline && attempts <= BARE_ATTEMPTS) return null;
    return placeholder(place, uid, outline, writer.clock());
  } catch (error) {
    if (!isMailsFault(error) || ctx.signal.aborted)
      await writer.db.engine((sql) => forgiveAttempt(sql, writer.scope, place, uid));
    throw error;
  }
}

/** True for errors that a mail may have caused: the connection broke, or the server sent what is no IMAP. */
export function isMailsFault(error: unknown): boolean {
  return error instanceof ProviderError && (error.kind === 'network' || error.kind === 'protocol');
}

function lookAt(folder: OpenFolder, uid: number, attempts: number): Promise<MessageOutline | null> {
  if (attempts <= HEADER_ATTEMPTS) return folder.outline(uid, true);
  if (attempts <= BARE_ATTEMPTS) return folder.outline(uid, false);
  return Promise.resolve(null);
}

/** The mail is gone. */
async function forget({ writer }: SyncContext, place: Place, uid: number): Promise<void> {
  await writer.db.engine((sql) => clearFailures(sql, writer.scope, place.folderId, place.uidValidity, [uid]));
}

/** Parks a mail whose placeholder is stored: looked at rarely, and counted where an operator sees it. */
export async function park(ctx: SyncContext, place: Place, uid: number): Promise<void> {
  const { writer, log, metrics, timings } = ctx;
  const until = new Date(writer.clock().getTime() + waitAfter(WHOLE_ATTEMPTS + 1, timings));
  if (!(await writer.db.engine((sql) => parkFailure(sql, writer.scope, place, uid, 'unreadable', until))))
    return;
  metrics.parked(1);
  log.error({ grantId: writer.scope.grantId, folderId: place.folderId }, 'a mail resists and is parked');
}

/** Soon at first, since it may have been the network; then twice as long each time. */
function waitAfter(attempts: number, { retry, parkedRetry }: SyncContext['timings']): number {
  return Math.min(retry * 2 ** Math.max(0, attempts - WHOLE_ATTEMPTS), parkedRetry);
}

/** A mail of which the server shows only this. */
function placeholder(place: Place, uid: number, outline: MessageOutline | null, now: Date): Arrival {
  const header = outline?.header ?? Buffer.alloc(0);
  const mail = packMail({
    ...prepareMail(header),
    size: outline?.size ?? 0,
    fingerprint: placeholderFingerprint(place, uid),
    parseError: 'the server lists this message but does not send it; it is asked for again from time to time',
  });
  return {
    uid,
    flags: outline?.flags ?? { seen: true, flagged: false, answered: false, draft: false, keywords: [] },
    remoteId: null,
    internalDate: outline?.internalDate ?? Math.floor(now.getTime() / 1000),
    mail,
    raw: null,
    placeholder: true,
  };
}
