import type { Log } from '../platform/log.ts';
import type { Mailbox } from '../providers/provider.ts';
import type { BlobStore } from '../store/blobs/blob-store.ts';
import type { ParsePool } from './parse-pool.ts';
import type { Writer } from './transaction.ts';

/** What the parts of one grant's sync share while it runs. */
export interface SyncContext {
  writer: Writer;
  mailbox: Mailbox;
  parser: ParsePool;
  blobs: BlobStore;
  rawRetentionDays: number;
  log: Log;
  metrics: SyncMetrics;
  timings: SyncTimings;
  /** Ends with the lease, the grant or the process. */
  signal: AbortSignal;
  /** Runs writes of this grant one after the other, so that they never wait for each other's locks. */
  serial<T>(work: () => Promise<T>): Promise<T>;
}

/** What changes under our hands must not make us spin. */
export function pause({ timings }: SyncContext): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timings.settle));
}

/** What the sync counts. */
export interface SyncMetrics {
  stored(messages: number): void;
  parked(messages: number): void;
}

/** How often the sync looks, in ms. Tests use shorter ones. */
export interface SyncTimings {
  /** All folders are compared with the server's STATUS this often, whatever the server promises to tell. */
  poll: number;
  /** Flags of a folder whose server keeps no modification sequences: this often, plus `scanPerMessage` for each mail. */
  scan: number;
  scanPerMessage: number;
  /** A folder is compared UID by UID at least this often, even when its STATUS shows no change. */
  reconcile: number;
  /** A copy that went is looked for elsewhere after this long. */
  settle: number;
  /** A mail that resisted is asked for again after this long ... */
  retry: number;
  /** ... and one that is parked at least this often. */
  parkedRetry: number;
  /** First back-off after a broken sync; see backoff.ts. */
  backoff: number;
  /** Between refused logins whose reason is vague, at least this long. */
  refusal: number;
  /** Free grants are looked for this often even when nobody told of one. */
  claim: number;
  /** Deleted grants are looked for this often even when nobody told of one. */
  erase: number;
  /** A sync that was writing a raw copy when its grant was deleted has ended by then: a second pass takes it along. */
  eraseAgain: number;
}

export const DEFAULT_TIMINGS: SyncTimings = {
  poll: 30_000,
  scan: 60_000,
  scanPerMessage: 10,
  reconcile: 60 * 60_000,
  settle: 250,
  retry: 60_000,
  parkedRetry: 6 * 60 * 60_000,
  backoff: 1_000,
  refusal: 60_000,
  claim: 3_000,
  erase: 10_000,
  eraseAgain: 15_000,
};
