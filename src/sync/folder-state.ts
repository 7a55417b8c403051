import type { FolderStatus, RemoteFolder } from '../providers/provider.ts';
import type { FolderCursor } from '../store/folder-cursors.ts';
import type { FolderRow } from '../store/folders.ts';
import type { Place } from './transaction.ts';

/** A folder as the running sync knows it. */
export interface FolderState {
  row: FolderRow;
  cursor: FolderCursor | null;
  /** Last word of the server about it. */
  status: FolderStatus | null;
  /** The STATUS after which the folder was last brought in step. */
  seen: FolderStatus | null;
  /** It appeared after the mailbox was connected: what is in it is new, unless it is known from elsewhere. */
  appeared: boolean;
  /** When we began to read it (ms): what was moved here earlier lies in its history. 0: in an earlier life of the sync. */
  startedAt: number;
  /** When it was last known to be in step, deletions included (ms). */
  inStepAt: number;
  /** When new mail was found here that is known from elsewhere and waits for a look there (ms); null: none waits. */
  copiesSeenAt: number | null;
  /** UIDs of history that are still to come, oldest last; null when not listed yet. */
  history: number[] | null;
  /** The history is being matched with messages known under an older UIDVALIDITY. */
  rematching: boolean;
  /** Gone, or new under its name: history leaves it alone until a look at the folder has started it over. */
  stale: boolean;
  /** How often in a row it could not be opened, and until when (ms, monotonic) it is left alone for that. */
  failures: number;
  retryAt: number;
  /** When all flags were last read, for servers without modification sequences; ms. */
  scannedAt: number;
}

/** True when the server counts fewer mails in the folder than we do. */
export function hasLost({ status, row }: FolderState): boolean {
  return status?.messages != null && status.messages < row.totalCount;
}

/** True while some of what was in the folder when we began to read it is not stored. */
export function hasHistory(folder: FolderState): boolean {
  if (!folder.row.selectable || folder.failures > 1) return false;
  return !folder.cursor || folder.cursor.backfillUid > 1 || folder.rematching;
}

/**
 * True when a mail that is missing from a folder may have been moved into another before we began to read that
 * one: then it lies in history that is still to come, and must not be taken for deleted.
 */
export function mayBeInHistory(from: FolderState, all: Iterable<FolderState>): boolean {
  for (const folder of all) {
    if (folder === from || !hasHistory(folder)) continue;
    if (!folder.cursor || folder.startedAt >= from.inStepAt) return true;
  }
  return false;
}

/** The folder as a place for copies, under one UIDVALIDITY. */
export function placeOf(state: FolderState, uidValidity: number): Place {
  return { folderId: state.row.id, uidValidity, drafts: state.row.specialUse === '\\Drafts' };
}

/** The order in which people miss their mail. */
const PRIORITY = [
  '\\Inbox',
  '\\Sent',
  '\\Drafts',
  null,
  '\\Flagged',
  '\\Important',
  '\\Archive',
  '\\All',
  '\\Trash',
  '\\Junk',
];

/** Compares folders: the inbox first, junk last. */
export function byPriority(a: FolderState, b: FolderState): number {
  return (
    PRIORITY.indexOf(a.row.specialUse) - PRIORITY.indexOf(b.row.specialUse) ||
    (a.row.path < b.row.path ? -1 : 1)
  );
}

/** Attributes as the contract shows them (6.3): special use first, then what else the server says. */
export function attributesOf(folder: RemoteFolder): string[] {
  return folder.specialUse ? [folder.specialUse] : [];
}
