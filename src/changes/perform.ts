import { faultPoint } from '../platform/fault-point.ts';
import type { EditableFolder, Landed, Mailbox, RemoteFlags } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import type { Copy } from '../store/changes.ts';
import type { FolderWork } from './plan.ts';

/** Undoing may take this long, in ms: nobody waits for it but the one who was refused. */
const UNDO_TIMEOUT_MS = 30_000;

/** What has happened at the provider. */
export interface Performed {
  /** Copies that were there, with the flags that they have now. */
  flags: { copy: Copy; flags: RemoteFlags['flags'] }[];
  /** New copies; without a UID where the server did not tell it. */
  landed: { copy: Copy; folderId: string; uidValidity: number | null; uid: number | null }[];
  /** Copies that are no longer where they were. */
  left: Copy[];
}

type Undo = (signal: AbortSignal) => Promise<void>;

/**
 * Makes a planned change at the provider, folder by folder: flags, copies and moves first, removals when everything
 * else has been accepted. When the provider refuses a step, the steps before it are taken back, so that nothing has
 * changed, and the refusal is thrown. Copies that are gone at the provider are passed over.
 */
export async function perform(
  mailbox: Mailbox,
  works: FolderWork[],
  pathOf: (folderId: string) => string,
  signal: AbortSignal,
): Promise<Performed> {
  const done: Performed = { flags: [], landed: [], left: [] };
  const undo: Undo[] = [];
  try {
    for (const work of works) await changeFolder(mailbox, work, pathOf, done, undo, signal);
    for (const work of works) {
      const there = new Set(done.flags.map(({ copy }) => copy));
      const copies = work.remove.filter((copy) => there.has(copy));
      if (copies.length === 0) continue;
      await inFolder(mailbox, work, signal, (folder) => folder.remove(copies.map((copy) => copy.uid)));
      done.left.push(...copies);
    }
    await faultPoint('change.after_provider');
    return done;
  } catch (error) {
    const late = AbortSignal.timeout(UNDO_TIMEOUT_MS);
    // What cannot be taken back is found by the sync, as any change at the provider is.
    for (const step of undo.reverse()) await step(late).catch(() => {});
    throw error;
  }
}

async function changeFolder(
  mailbox: Mailbox,
  work: FolderWork,
  pathOf: (folderId: string) => string,
  done: Performed,
  undo: Undo[],
  signal: AbortSignal,
): Promise<void> {
  await inFolder(mailbox, work, signal, async (folder) => {
    await faultPoint('change.before_provider');
    const now = new Map(
      (await folder.flagsOf(work.copies.map((c) => c.uid))).map((row) => [row.uid, row.flags]),
    );
    if (work.flags && (await setFlags(mailbox, folder, work, now, undo))) {
      // A STORE on mail that has just gone is accepted too: what it did is asked for.
      now.clear();
      for (const row of await folder.flagsOf(uidsOf(work.copies))) now.set(row.uid, row.flags);
    }
    for (const copy of work.copies) {
      const flags = now.get(copy.uid);
      if (flags) done.flags.push({ copy, flags });
    }
    for (const [to, copies] of work.copyTo) {
      const moving = copies.filter((copy) => now.has(copy.uid));
      if (moving.length === 0) continue;
      const landed = await folder.copy(uidsOf(moving), pathOf(to));
      undo.push(removeAgain(mailbox, pathOf(to), landed));
      noteLanded(done, moving, to, landed);
    }
    for (const [to, copies] of work.moveTo) {
      const moving = copies.filter((copy) => now.has(copy.uid));
      if (moving.length === 0) continue;
      const landed = await move(mailbox, folder, uidsOf(moving), pathOf(to), undo);
      await faultPoint('change.after_move');
      noteLanded(done, moving, to, landed);
      done.left.push(...moving);
    }
    done.left.push(...work.dropped.filter((copy) => now.has(copy.uid)));
  });
}

/** Sets flags where they are not so yet, and knows how to put them back; false when all were so. */
async function setFlags(
  mailbox: Mailbox,
  folder: EditableFolder,
  work: FolderWork,
  now: Map<number, RemoteFlags['flags']>,
  undo: Undo[],
): Promise<boolean> {
  let changed = false;
  for (const name of ['seen', 'flagged'] as const) {
    const wanted = work.flags?.[name];
    if (wanted === undefined) continue;
    const uids = [...now].filter(([, flags]) => flags[name] !== wanted).map(([uid]) => uid);
    if (uids.length === 0) continue;
    undo.push((signal) =>
      inFolder(mailbox, work, signal, (again) => again.setFlags(uids, { [name]: !wanted })),
    );
    await folder.setFlags(uids, { [name]: wanted });
    await faultPoint('change.after_flags');
    changed = true;
  }
  return changed;
}

/** Moves in one step where the server can, else by a copy that is taken back when the original cannot be removed. */
async function move(
  mailbox: Mailbox,
  folder: EditableFolder,
  uids: number[],
  to: string,
  undo: Undo[],
): Promise<Landed> {
  const landed = folder.canMove ? await folder.move(uids, to) : await folder.copy(uids, to);
  if (!folder.canMove) {
    undo.push(removeAgain(mailbox, to, landed));
    await faultPoint('change.after_copy');
    await folder.remove(uids);
    undo.pop();
  }
  undo.push(moveBack(mailbox, to, folder.path, landed));
  return landed;
}

function removeAgain(mailbox: Mailbox, path: string, landed: Landed): Undo {
  return (signal) => inLanding(mailbox, path, landed, signal, (folder, uids) => folder.remove(uids));
}

function moveBack(mailbox: Mailbox, from: string, to: string, landed: Landed): Undo {
  return (signal) =>
    inLanding(mailbox, from, landed, signal, async (folder, uids) => {
      await move(mailbox, folder, uids, to, []);
    });
}

async function inLanding(
  mailbox: Mailbox,
  path: string,
  landed: Landed,
  signal: AbortSignal,
  work: (folder: EditableFolder, uids: number[]) => Promise<void>,
): Promise<void> {
  if (landed.uidValidity === null || landed.uids.size === 0) return;
  await inFolder(mailbox, { path, uidValidity: landed.uidValidity }, signal, (folder) =>
    work(folder, [...landed.uids.values()]),
  );
}

async function inFolder<T>(
  mailbox: Mailbox,
  at: { path: string; uidValidity: number },
  signal: AbortSignal,
  work: (folder: EditableFolder) => Promise<T>,
): Promise<T> {
  const folder = await mailbox.edit(at.path, signal);
  try {
    if (folder.uidValidity !== at.uidValidity)
      throw new ProviderError('changed', 'The folder has a new UIDVALIDITY.');
    return await work(folder);
  } finally {
    await folder.close();
  }
}

function uidsOf(copies: Copy[]): number[] {
  return copies.map((copy) => copy.uid);
}

function noteLanded(done: Performed, copies: Copy[], folderId: string, landed: Landed): void {
  for (const copy of copies) {
    const uid = landed.uids.get(copy.uid) ?? null;
    done.landed.push({ copy, folderId, uidValidity: uid === null ? null : landed.uidValidity, uid });
  }
}
