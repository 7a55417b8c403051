import { faultPoint } from '../platform/fault-point.ts';
import { LARGE_MESSAGE_BYTES, type OpenFolder, type RemoteMessage } from '../providers/provider.ts';
import { lastChangeId } from '../store/changes.ts';
import type { FolderCursor } from '../store/folder-cursors.ts';
import { storedUids } from '../store/locations.ts';
import { clearFailures, findFailures, suspect } from '../store/sync-failures.ts';
import { type Arrival, applyArrivals, applyFlags } from './apply.ts';
import { applyGone } from './apply-gone.ts';
import { applyIdentities } from './apply-identities.ts';
import type { SyncContext } from './context.ts';
import { type FolderState, placeOf } from './folder-state.ts';
import { RivalsHere } from './match.ts';
import { askAlone, isMailsFault, park, type Resisting } from './poison.ts';
import { prepare } from './prepare.ts';
import type { Place } from './transaction.ts';

/** A mail over which the connection broke this often is asked for alone, so that it takes no other down with it. */
const ALONE_AFTER = 2;
/** Mail that waits in memory for its cursor; more of it is stored ahead. */
const AHEAD_BYTES = 32 * 1024 * 1024;

export interface IntakeOptions {
  /** Copies that make events; the others are history. */
  isLive(uid: number): boolean;
  /** The cursor to save with the mail, made from the latest one at the moment of writing; null leaves it. */
  advance: ((latest: FolderCursor | null) => FolderCursor) | null;
  /** Hold the copies against known messages by cheap identities before fetching them whole. */
  matchFirst: boolean;
  /** Look at the folders where new copies are known from before anything is stored (throws SourcesFirst). */
  sourcesFirst?: boolean;
  /**
   * What is stored already, by a change of our own or by a look that was cut off, has its flags read again: no look at
   * changes will tell of them, since these begin with this one.
   */
  flagsToo?: boolean;
  /** Try parked mails as well. */
  parkedToo?: boolean;
}

/** Mail that has been read from the server and waits to be stored. */
export interface Fetched {
  place: Place;
  messages: RemoteMessage[];
  /** Those that were suspects, and have come or are gone now. */
  suspects: number[];
  /**
   * Nothing that was fetched under one UIDVALIDITY may be stored when it has changed meanwhile: asked behind the fetch,
   * answered while the mail is parsed. Rejects with `changed`.
   */
  unchanged: Promise<void>;
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

/**
 * First half: reads what is not known already. Mails that resisted before are asked for one by one, those with the
 * fewest attempts first, and each is stored at once: what breaks the connection takes none of the others along.
 */
export async function fetch(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  uids: number[],
  options: IntakeOptions,
): Promise<Fetched> {
  const place = placeOf(state, folder.uidValidity);
  const ahead = async (messages: RemoteMessage[]) =>
    store(ctx, folder, state, fetchedFrom(folder, place, messages, []), { ...options, advance: null });
  const { easy, hard, suspects, known } = await sortOut(ctx, place, uids, options.parkedToo ?? false);
  if (options.flagsToo) await readFlags(ctx, folder, place, known);
  const read = await readTogether(ctx, folder, place, easy, options, ahead);
  let { messages } = read;
  if (hard.length > 0) {
    await ahead(messages);
    messages = [];
  }
  for (const { uid, ...before } of hard) {
    const arrival = await askAlone(ctx, folder, place, uid, before, (raw) => prepare(ctx, raw));
    if (!arrival) continue;
    await folder.assertUnchanged();
    await ctx.serial(() => apply(ctx, folder, place, [arrival], options.isLive, null));
    ctx.metrics.stored(1);
    if (arrival.placeholder) {
      await park(ctx, place, uid);
      continue;
    }
    await ctx.writer.db.engine((sql) =>
      clearFailures(sql, ctx.writer.scope, place.folderId, place.uidValidity, [uid]),
    );
  }
  return fetchedFrom(
    folder,
    place,
    messages,
    suspects.filter((uid) => !read.unreadable.includes(uid)),
  );
}

function fetchedFrom(
  folder: OpenFolder,
  place: Place,
  messages: RemoteMessage[],
  suspects: number[],
): Fetched {
  const unchanged = folder.assertUnchanged();
  // Whoever stores the mail awaits it; until then its failure has an owner.
  unchanged.catch(() => {});
  return { place, messages, suspects, unchanged };
}

/** Second half: keeps the raw copies, parses, and applies with the cursor in one transaction. */
async function store(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  fetched: Fetched,
  options: IntakeOptions,
): Promise<void> {
  await write(ctx, folder, state, fetched, await prepare(ctx, fetched.messages), options);
}

/** Last step: applies what has been read and prepared, with the cursor, in one transaction. */
export async function write(
  ctx: SyncContext,
  folder: OpenFolder,
  state: FolderState,
  fetched: Fetched,
  arrivals: Arrival[],
  options: IntakeOptions,
): Promise<void> {
  const { place } = fetched;
  await faultPoint('sync.after_prepare');
  await fetched.unchanged;
  await ctx.serial(async () => {
    const cursor = options.advance?.(state.cursor) ?? null;
    await apply(ctx, folder, place, arrivals, options.isLive, cursor, options.sourcesFirst);
    if (cursor) state.cursor = cursor;
  });
  ctx.metrics.stored(arrivals.length);
  if (fetched.suspects.length > 0) {
    await ctx.writer.db.engine((sql) =>
      clearFailures(sql, ctx.writer.scope, place.folderId, place.uidValidity, fetched.suspects),
    );
  }
}

/** Brings the flags of copies in step that are stored already. */
async function readFlags(ctx: SyncContext, folder: OpenFolder, place: Place, known: number[]): Promise<void> {
  for (const { from, to } of runsOf(known)) {
    let stale: number;
    do {
      const seenAt = await ctx.writer.db.engine(lastChangeId);
      const rows = await folder.flags(from, to);
      await folder.assertUnchanged();
      stale = await ctx.serial(() => applyFlags(ctx.writer, place, rows, seenAt));
      // Older than a change of our own that came meanwhile: asked for again.
    } while (stale > 0);
  }
}

/** UIDs as ranges without gaps: what lies between them may be a mail that resists, and is not touched. */
function runsOf(uids: number[]): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  for (const uid of uids.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && uid === last.to + 1) last.to = uid;
    else runs.push({ from: uid, to: uid });
  }
  return runs;
}

/** Applies mail; what came back into its folder under another UID is known again. */
async function apply(
  ctx: SyncContext,
  folder: OpenFolder,
  place: Place,
  arrivals: Arrival[],
  isLive: (uid: number) => boolean,
  cursor: FolderCursor | null,
  sourcesFirst = false,
): Promise<void> {
  try {
    await applyArrivals(ctx.writer, place, arrivals, isLive, cursor, { sourcesFirst });
  } catch (error) {
    if (!(error instanceof RivalsHere)) throw error;
    const there = new Set(await folder.present(error.uids));
    const gone = error.uids.filter((uid) => !there.has(uid));
    await applyGone(ctx.writer, place, gone, true);
    await applyArrivals(ctx.writer, place, arrivals, isLive, cursor, { sourcesFirst, rivalsAsked: true });
  }
}

/** Uses cheap identities to give known messages their new copies; returns the UIDs that must be fetched. */
async function matchKnown(
  ctx: SyncContext,
  folder: OpenFolder,
  place: Place,
  uids: number[],
  matchFirst: boolean,
  sourcesFirst: boolean | undefined,
): Promise<number[]> {
  if (uids.length === 0 || !(matchFirst || folder.stableIds)) return uids;
  const identities = await folder.identities(uids);
  await folder.assertUnchanged();
  const { unknown } = await ctx.serial(() => applyIdentities(ctx.writer, place, identities, sourcesFirst));
  return unknown;
}

/** Mails without a past: matched, or fetched in bulk. When the connection breaks, those that had not come are suspects. */
async function readTogether(
  ctx: SyncContext,
  folder: OpenFolder,
  place: Place,
  uids: number[],
  { matchFirst, sourcesFirst }: IntakeOptions,
  ahead: (messages: RemoteMessage[]) => Promise<void>,
): Promise<{ messages: RemoteMessage[]; unreadable: number[] }> {
  if (uids.length === 0) return { messages: [], unreadable: [] };
  const missing = new Set(uids);
  const unreadable: number[] = [];
  let messages: RemoteMessage[] = [];
  let bytes = 0;
  try {
    const wanted = await matchKnown(ctx, folder, place, uids, matchFirst, sourcesFirst);
    if (wanted.length === 0) return { messages, unreadable };
    await faultPoint('sync.before_fetch');
    for await (const message of folder.messages(wanted)) {
      missing.delete(message.uid);
      if ('unreadable' in message) {
        unreadable.push(message.uid);
        continue;
      }
      messages.push(message);
      bytes += message.raw.length;
      if (bytes < AHEAD_BYTES && message.raw.length < LARGE_MESSAGE_BYTES) continue;
      await ahead(messages);
      messages = [];
      bytes = 0;
    }
  } catch (error) {
    if (isMailsFault(error) && !ctx.signal.aborted) await note(ctx, place, [...missing], 'connection');
    throw error;
  }
  await faultPoint('sync.after_fetch');
  await note(ctx, place, unreadable, 'unreadable');
  return { messages, unreadable };
}

async function note(ctx: SyncContext, place: Place, uids: number[], reason: string): Promise<void> {
  if (uids.length === 0) return;
  const { writer, timings } = ctx;
  const next = new Date(writer.clock().getTime() + timings.retry);
  await writer.db.engine((sql) => suspect(sql, writer.scope, place, uids, reason, ALONE_AFTER, next));
}

/** Splits UIDs into those to fetch together and those that resisted before; what is stored already is neither. */
async function sortOut(
  ctx: SyncContext,
  place: Place,
  uids: number[],
  parkedToo: boolean,
): Promise<{
  easy: number[];
  hard: (Resisting & { uid: number })[];
  suspects: number[];
  /** Stored already. */
  known: number[];
}> {
  const { db, scope } = ctx.writer;
  const { failures, stored } = await db.engine(async (sql) => ({
    failures: await findFailures(sql, scope, place.folderId, place.uidValidity, uids),
    stored: await storedUids(sql, scope, place.folderId, place.uidValidity, uids),
  }));
  const resisting = failures.map((f) => ({ ...f, stored: stored.has(f.uid) }));
  // A parked mail is left alone, unless its placeholder got lost on the way.
  const resting = (f: Resisting) => f.parked && f.stored && !parkedToo;
  const hard = resisting
    .filter((f) => (f.attempts >= ALONE_AFTER || parkedToo) && !resting(f))
    .sort((a, b) => a.attempts - b.attempts);
  const apart = new Set([...hard.map((f) => f.uid), ...resisting.filter(resting).map((f) => f.uid)]);
  const easy = uids.filter((uid) => !apart.has(uid) && !stored.has(uid));
  return {
    easy,
    hard,
    suspects: failures.map((f) => f.uid).filter((uid) => !apart.has(uid)),
    known: uids.filter((uid) => stored.has(uid) && !apart.has(uid)),
  };
}
