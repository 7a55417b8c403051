import type { OpenFolder, RemoteMessage } from '../providers/provider.ts';
import type { FolderCursor } from '../store/folder-cursors.ts';
import { clearFailures, countAttempt, findFailures } from '../store/sync-failures.ts';
import { type Arrival, applyArrivals, applyIdentities, type Place } from './apply.ts';
import type { SyncContext } from './context.ts';
import type { FolderState } from './folder-state.ts';
import { storeRawCopies } from './raw-copies.ts';

/** After this many failed attempts a mail is parked: looked at rarely, and counted where an operator sees it. */
const PARK_AFTER = 6;
/** A mail that resisted twice is asked for alone, so that it takes no other down with it. */
const ALONE_AFTER = 2;
const RETRY_MS = 60_000;
const PARKED_RETRY_MS = 6 * 60 * 60_000;

export interface IntakeOptions {
  /** Copies that make events; the others are history. */
  isLive(uid: number): boolean;
  /** The cursor to save with the mail, made from the latest one at the moment of writing; null leaves it. */
  advance: ((latest: FolderCursor | null) => FolderCursor) | null;
  /** Hold the copies against known messages by cheap identities before fetching them whole. */
  matchFirst: boolean;
  /** Try parked mails as well. */
  parkedToo?: boolean;
}

/** Mail that has been read from the server and waits to be stored. */
export interface Fetched {
  place: Place;
  messages: RemoteMessage[];
  /** Those that resisted before and have come now. */
  recovered: number[];
}

/** The way of mail from an open folder into the store. */
export async function takeIn(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  uids: number[],
  options: IntakeOptions,
): Promise<void> {
  await store(ctx, folder, state, await fetch(ctx, folder, state, uids, options), options);
}

/** First half: reads what is not known already. */
export async function fetch(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  uids: number[],
  options: IntakeOptions,
): Promise<Fetched> {
  const place: Place = { folderId: state.row.id, uidValidity: folder.uidValidity };
  const { easy, hard } = await sortOut(ctx, place, uids, options.parkedToo ?? false);
  const wanted = await matchKnown(ctx, folder, place, easy, options.matchFirst);
  const messages = await fetchAll(ctx, folder, place, wanted);
  const recovered: number[] = [];
  for (const uid of hard) {
    // Counted before it is tried: a mail that ends the process is counted too.
    await note(ctx, place, [uid], 'retry');
    const alone = await fetchAll(ctx, folder, place, [uid]);
    messages.push(...alone);
    recovered.push(...alone.map((m) => m.uid));
  }
  return { place, messages, recovered };
}

/** Second half: keeps the raw copies, parses, and applies with the cursor in one transaction. */
export async function store(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  fetched: Fetched,
  options: IntakeOptions,
): Promise<void> {
  const { place } = fetched;
  const arrivals = await prepare(ctx, fetched.messages);
  // Nothing that was fetched under one UIDVALIDITY may be stored when it has changed meanwhile.
  await folder.assertUnchanged();
  await ctx.serial(async () => {
    const cursor = options.advance?.(state.cursor) ?? null;
    await applyArrivals(ctx.writer, place, arrivals, options.isLive, cursor);
    if (cursor) state.cursor = cursor;
  });
  ctx.metrics.stored(arrivals.length);
  if (fetched.recovered.length > 0) {
    await ctx.writer.db.engine((sql) =>
      clearFailures(sql, ctx.writer.scope, place.folderId, place.uidValidity, fetched.recovered),
    );
  }
}

/** Uses cheap identities to give known messages their new copies; returns the UIDs that must be fetched. */
async function matchKnown(
  ctx: SyncContext,
  folder: OpenFolder,
  place: Place,
  uids: number[],
  matchFirst: boolean,
): Promise<number[]> {
  if (uids.length === 0 || !(matchFirst || folder.stableIds)) return uids;
  const identities = await folder.identities(uids);
  await folder.assertUnchanged();
  const { unknown } = await ctx.serial(() => applyIdentities(ctx.writer, place, identities));
  return unknown;
}

async function fetchAll(
  ctx: SyncContext,
  folder: OpenFolder,
  place: Place,
  uids: number[],
): Promise<RemoteMessage[]> {
  if (uids.length === 0) return [];
  const fetched: RemoteMessage[] = [];
  try {
    for await (const message of folder.messages(uids)) {
      if ('unreadable' in message) await note(ctx, place, [message.uid], 'unreadable');
      else fetched.push(message);
    }
  } catch (error) {
    // The connection broke over one of them: next time they are watched.
    if (!ctx.signal.aborted) {
      const have = new Set(fetched.map((m) => m.uid));
      await note(
        ctx,
        place,
        uids.filter((uid) => !have.has(uid)),
        'connection',
      );
    }
    throw error;
  }
  return fetched;
}

async function prepare(ctx: SyncContext, messages: RemoteMessage[]): Promise<Arrival[]> {
  const raws = messages.map((m) => m.raw);
  const whole = messages.map((m) => (m.truncated ? Buffer.alloc(0) : m.raw));
  const [mails, copies] = await Promise.all([
    ctx.parser.prepare(raws),
    storeRawCopies(
      ctx.blobs,
      ctx.writer.scope.grantId,
      whole,
      ctx.writer.clock(),
      ctx.rawRetentionDays,
      (error) =>
        ctx.log.warn({ code: (error as NodeJS.ErrnoException).code }, 'raw copies could not be stored'),
    ),
  ]);
  return messages.map((message, i): Arrival => {
    const mail = mails[i];
    if (!mail) throw new Error('a mail was lost on its way through the parser');
    if (message.truncated) mail.parseError = [message.truncated, mail.parseError].filter(Boolean).join(', ');
    return {
      uid: message.uid,
      flags: message.flags,
      remoteId: message.remoteId,
      internalDate: message.internalDate,
      mail,
      raw: message.truncated ? null : (copies?.at(i) ?? null),
    };
  });
}

/** Splits UIDs into those to fetch together and those that resisted before. */
async function sortOut(
  ctx: SyncContext,
  place: Place,
  uids: number[],
  parkedToo: boolean,
): Promise<{ easy: number[]; hard: number[] }> {
  const failures = await ctx.writer.db.engine((sql) =>
    findFailures(sql, ctx.writer.scope, place.folderId, place.uidValidity, uids),
  );
  const hard = new Set(failures.filter((f) => f.attempts >= ALONE_AFTER).map((f) => f.uid));
  const parked = new Set(failures.filter((f) => f.parked).map((f) => f.uid));
  return {
    easy: uids.filter((uid) => !hard.has(uid)),
    hard: uids.filter((uid) => hard.has(uid) && (parkedToo || !parked.has(uid))),
  };
}

async function note(ctx: SyncContext, place: Place, uids: number[], reason: string): Promise<void> {
  if (uids.length === 0) return;
  const { writer } = ctx;
  const now = writer.clock().getTime();
  const parked = await writer.db.engine((sql) =>
    countAttempt(
      sql,
      writer.scope,
      place.folderId,
      place.uidValidity,
      uids,
      reason,
      { after: PARK_AFTER, until: new Date(now + PARKED_RETRY_MS) },
      new Date(now + RETRY_MS),
    ),
  );
  if (parked > 0) {
    ctx.metrics.parked(parked);
    ctx.log.error(
      { grantId: writer.scope.grantId, folderId: place.folderId, parked },
      'mails resist and are parked',
    );
  }
}
