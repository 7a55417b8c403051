import type { Readable } from 'node:stream';

/** Where a mailbox is and how to enter it. */
export interface Account<Settings, Secret> {
  settings: Settings;
  secret: Secret;
}

/**
 * How mailquay speaks to a mailbox, whoever keeps it. Each folder beside this file implements it, and
 * test/conformance holds them all to it. A provider reads no store and makes no decision: it returns values.
 */
export interface Mailbox {
  /**
   * All folders, complete, with a cheap observation of each where the server gives one. `known`: paths that were there;
   * one of them that is not listed is asked about before it is left out.
   */
  folders(signal: AbortSignal, known?: string[]): Promise<RemoteFolder[]>;
  /**
   * Opens a folder for reading and returns the consistent observation that cursors are made from. `quick` may give
   * one that stands open already: faster, but it does not know UIDNEXT and modification sequences.
   */
  open(path: string, signal: AbortSignal, quick?: boolean): Promise<OpenFolder>;
  /**
   * Waits for hints of change until the signal ends it or the connection breaks (then it throws).
   * A hint is never the truth: who gets one asks `folders` or `open`.
   */
  watch(paths: WatchRequest, onHint: (hint: Hint) => void, signal: AbortSignal): Promise<void>;
  /** The raw message, or a byte range of it, as a stream. */
  fetchRaw(location: RemoteLocation, range: ByteRange | null, signal: AbortSignal): Promise<Readable>;
  /** UIDs in a folder that the provider finds by a query in its own language, ascending. */
  search(path: string, query: string, signal: AbortSignal): Promise<{ uidValidity: number; uids: number[] }>;
  /** Opens a folder for changing what is in it. What the server refuses is thrown with its words, here and below. */
  edit(path: string, signal: AbortSignal): Promise<EditableFolder>;
  /**
   * Makes a folder, and tells the server of its use where that is possible. Returns it as `folders` will, after those
   * above it, topmost first; `status` is not observed.
   */
  createFolder(at: FolderName, specialUse: string | null, signal: AbortSignal): Promise<RemoteFolder[]>;
  /** Renames a folder, and so moves it with all that is below it; returns what `createFolder` does. */
  renameFolder(path: string, to: FolderName, signal: AbortSignal): Promise<RemoteFolder[]>;
  /** Deletes a folder and all that is in it. */
  deleteFolder(path: string, signal: AbortSignal): Promise<void>;
  /** What sort of mailbox it is. */
  traits(signal: AbortSignal): Promise<MailboxTraits>;
  close(): Promise<void>;
}

export interface MailboxTraits {
  /** Folders are labels: a message bears any number of them, under rules (mail/labels.ts). */
  labels: boolean;
}

/** Below which folder one is to be (null: at the top), and its name there; with delimiters it goes deeper. */
export interface FolderName {
  parentPath: string | null;
  name: string;
}

export interface RemoteFolder {
  path: string;
  /** Decoded name as the user knows it, with its hierarchy. */
  name: string;
  delimiter: string | null;
  parentPath: string | null;
  /** RFC 6154 use, in the standard's spelling: \Inbox \Sent \Drafts \Trash \Junk \Archive \All \Flagged \Important. */
  specialUse: string | null;
  /** False for folders that only hold other folders (\Noselect). */
  selectable: boolean;
  /** The server's own stable id of the folder (OBJECTID), where there is one. */
  remoteId: string | null;
  /** From LIST-STATUS or STATUS; null when the server did not say. */
  status: FolderStatus | null;
}

export interface FolderStatus {
  uidValidity: number;
  uidNext: number | null;
  messages: number | null;
  unseen: number | null;
  highestModseq: number | null;
}

export interface WatchRequest {
  /** The folder that is watched at once; others as the server allows (NOTIFY). */
  path: string;
}

export type Hint =
  /** Watching has begun: what happened before is for the reconciling scan. `all`: every folder is watched. */
  | { kind: 'watching'; all: boolean }
  /** A folder (null: some folder) has new mail, or flags and deletions to look at. */
  | { kind: 'changed'; path: string | null; what: 'arrivals' | 'state' };

export interface RemoteLocation {
  path: string;
  uidValidity: number;
  uid: number;
}

export interface ByteRange {
  offset: number;
  length: number;
}

/** A message above this is large, in bytes: few of them are in memory at a time. */
export const LARGE_MESSAGE_BYTES = 8 * 1024 * 1024;

/** A folder that is selected on a connection until it is closed, and what was seen of it at that moment. */
export interface OpenFolder {
  readonly path: string;
  readonly uidValidity: number;
  /** Null when the server did not say. */
  readonly uidNext: number | null;
  readonly exists: number;
  /** 0: the server keeps no modification sequences (CONDSTORE) here. Null: it does, but they were not observed with the rest. */
  readonly highestModseq: number | null;
  /** True when `identities` gives a server-made stable id for each message (EMAILID, X-GM-MSGID). */
  readonly stableIds: boolean;
  /** UIDs of about the last `count` messages, ascending, without looking at the whole folder. */
  newestUids(count: number): Promise<number[]>;
  /** All UIDs in [from, to], ascending; `to` null means to the end. */
  uids(from: number, to: number | null): Promise<number[]>;
  /** Which of these UIDs are there: the second opinion before anything is taken for deleted. */
  present(uids: number[]): Promise<number[]>;
  /** Flags of all messages in [from, to]. */
  flags(from: number, to: number): Promise<RemoteFlags[]>;
  /** What changed in [from, to] since a modification sequence. */
  changes(sinceModseq: number, from: number, to: number): Promise<FolderChanges>;
  /** Cheap identities, without bodies. Messages that are gone do not come back. */
  identities(uids: number[]): Promise<RemoteIdentity[]>;
  /**
   * Whole messages, in the order given. Those that are gone do not come back. Of large ones (LARGE_MESSAGE_BYTES) a few
   * come at a time, over all mailboxes: each is to be dealt with before the next message is asked for.
   */
  messages(uids: number[]): AsyncIterable<RemoteMessage | UnreadableMessage>;
  /**
   * What can be had of a message whose body does not come: with its headers, or without even those.
   * Null when it is gone or nothing comes.
   */
  outline(uid: number, withHeader: boolean): Promise<MessageOutline | null>;
  /** Throws ProviderError('changed') when the folder is no longer the one that was opened (UIDVALIDITY). */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/** A folder that is selected for changing, until it is closed. */
export interface EditableFolder {
  readonly path: string;
  readonly uidValidity: number;
  /** The flags of these messages as they are now. Those that are gone do not come back. */
  flagsOf(uids: number[]): Promise<RemoteFlags[]>;
  setFlags(uids: number[], change: FlagChange): Promise<void>;
  copy(uids: number[], toPath: string): Promise<Landed>;
  /** The server moves in one step; otherwise only `copy` and `remove` are there. */
  readonly canMove: boolean;
  move(uids: number[], toPath: string): Promise<Landed>;
  /** Removes these copies for good, and nothing else, whatever other clients have marked \\Deleted. */
  remove(uids: number[]): Promise<void>;
  close(): Promise<void>;
}

export interface FlagChange {
  seen?: boolean;
  flagged?: boolean;
}

/** Where copies have landed: the new UID of each old one, as far as the server tells. */
export interface Landed {
  uidValidity: number | null;
  uids: Map<number, number>;
}

export interface RemoteFlags {
  uid: number;
  flags: Flags;
}

export interface Flags {
  seen: boolean;
  flagged: boolean;
  answered: boolean;
  draft: boolean;
  /** Everything else the server lists, sorted. */
  keywords: string[];
}

export interface FolderChanges {
  flags: RemoteFlags[];
  /** UID ranges that the server calls gone: a hint to check with `present`. Null: it does not tell, compare `uids`. */
  vanished: { from: number; to: number }[] | null;
  /** The highest modification sequence among the rows; 0 when there are none. */
  highestModseq: number;
}

export interface RemoteIdentity extends RemoteFlags {
  remoteId: string | null;
  internalDate: number;
  size: number;
  /** First half of the fingerprint (mail/fingerprint.ts); null when stable ids make it needless. */
  headerDigest: Buffer | null;
}

export interface RemoteMessage extends RemoteFlags {
  remoteId: string | null;
  /** Unix seconds. */
  internalDate: number;
  raw: Buffer;
  /** Why `raw` is not the whole message; null when it is. */
  truncated: string | null;
}

/** A message without its body. */
export interface MessageOutline extends RemoteFlags {
  /** Unix seconds. */
  internalDate: number;
  size: number;
  /** The header section; null when it was not asked for or did not come. */
  header: Buffer | null;
}

/** A message that the server lists and does not give. */
export interface UnreadableMessage {
  uid: number;
  unreadable: string;
}

export { ProviderError, type ProviderErrorKind } from '../platform/provider-error.ts';
