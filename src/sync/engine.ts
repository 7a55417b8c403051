import { randomUUID } from 'node:crypto';
import { normalizeAddress } from '../mail/address.ts';
import { faultPoint } from '../platform/fault-point.ts';
import type { Log } from '../platform/log.ts';
import { spareConnections } from '../platform/open-files.ts';
import type { ImapSecret, ImapSettings } from '../providers/imap/settings.ts';
import type { Account, Mailbox } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import type { BlobStore } from '../store/blobs/blob-store.ts';
import type { StoreClock } from '../store/clock.ts';
import type { Database } from '../store/database.ts';
import { fairShare, forgetEngines, noteEngine } from '../store/engines.ts';
import {
  claim,
  failuresOf,
  findClaimable,
  type Lease,
  LeaseLostError,
  release,
  renew,
} from '../store/leases.ts';
import { noteError } from '../store/sync-states.ts';
import { HostLimiter } from './backoff.ts';
import { DEFAULT_TIMINGS, type SyncMetrics, type SyncTimings } from './context.ts';
import { GrantSync } from './grant-sync.ts';
import type { ParsePool } from './parse-pool.ts';
import { Setbacks } from './setback.ts';
import { syncWriter } from './transaction.ts';
import { Wakeup } from './wakeup.ts';

/**
 * A lease lives this long without renewal, in ms: a process that stalls longer loses its grants. With the time until free
 * grants are looked for, and that in which they are connected, a killed process is replaced within 30 s.
 */
const LEASE_MS = 15_000;
const RENEW_MS = 4_000;
/** Grants of one process; more processes share the rest. */
const MAX_GRANTS = 2_000;
const CLAIM_BATCH = 50;
/** Connections that a grant keeps at a time: one that watches, one that works. More are asked for, and had when there are files. */
const GRANT_CONNECTIONS = 2;
/** So many grants are left to other engines at a time. */
const HANDOVER_BATCH = 20;

/** What the engine asks of the room that knows grants and secrets. */
export interface GrantSource {
  /** The account of a grant, or null when it is gone. */
  load(key: { applicationId: string; grantId: string }): Promise<{
    account: Account<ImapSettings, ImapSecret>;
    secretVersion: number;
    email: string;
  } | null>;
  /** The provider refused the login: the grant is invalid until it is authenticated again. */
  refuse(key: { applicationId: string; grantId: string }, secretVersion: number): Promise<void>;
}

export interface EngineParts {
  db: Database;
  log: Log;
  blobs: BlobStore;
  parser: ParsePool;
  metrics: SyncMetrics & { connected(grants: number): void };
  grants: GrantSource;
  openMailbox: (account: Account<ImapSettings, ImapSecret>) => Mailbox;
  rawRetentionDays: number;
  timings?: Partial<SyncTimings>;
  /** Told by each look for free grants. */
  clock: StoreClock;
}

interface Running {
  lease: Lease;
  sync: GrantSync | null;
  mailbox: Mailbox | null;
  /** Who uses the mailbox beside the sync. */
  borrowers: number;
  ended: boolean;
  /** Mails that this life of the sync has stored. */
  stored: number;
  stop: AbortController;
  done: Promise<void>;
}

/**
 * Owns grants and keeps them in step: claims free ones by lease, runs one {@link GrantSync} for each, renews the
 * leases, and gives a grant back with a jittered back-off when its sync breaks.
 */
export class SyncEngine {
  readonly #parts: EngineParts;
  readonly #owner = randomUUID();
  readonly #running = new Map<string, Running>();
  readonly #hosts = new HostLimiter();
  readonly #setbacks: Setbacks;
  readonly #stop = new AbortController();
  readonly #wake = new Wakeup();
  readonly #timings: SyncTimings;
  /** Files are short, and that was said. */
  #short = false;
  #loop: Promise<void> | null = null;
  #renewal: NodeJS.Timeout | null = null;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#timings = { ...DEFAULT_TIMINGS, ...parts.timings };
    this.#setbacks = new Setbacks(this.#timings);
  }

  start(): void {
    this.#loop = this.#claimLoop();
    this.#renewal = setInterval(() => void this.#renew(), RENEW_MS);
  }

  /** A grant is new, has new settings, or is gone. */
  grantChanged(grantId: string): void {
    this.#running.get(grantId)?.stop.abort(new GrantChanged());
    this.#wake.notify();
  }

  /** Something was changed that the sync of the grant should look at without waiting for a hint. */
  lookSoon(grantId: string): void {
    this.#running.get(grantId)?.sync?.lookSoon();
  }

  /** Lends the mailbox of a grant whose sync runs here; it stays open until it is given back, though the sync ends. */
  borrowMailbox(grantId: string): { mailbox: Mailbox; release: () => Promise<void> } | null {
    const running = this.#running.get(grantId);
    const mailbox = running?.mailbox;
    if (!mailbox || running.ended) return null;
    running.borrowers += 1;
    let lent = true;
    const release = async () => {
      if (!lent) return;
      lent = false;
      running.borrowers -= 1;
      if (running.ended && running.borrowers === 0) await mailbox.close();
    };
    return { mailbox, release };
  }

  /** Stops all syncs, finishes what is being written, and gives the leases back. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the engine stops'));
    if (this.#renewal) clearInterval(this.#renewal);
    this.#wake.notify();
    await this.#loop?.catch(() => {});
    await Promise.all([...this.#running.values()].map((r) => r.done));
    await this.#parts.db.engine((sql) => forgetEngines(sql, this.#owner)).catch(() => {});
  }

  async #claimLoop(): Promise<void> {
    const { db, log } = this.#parts;
    while (!this.#stop.signal.aborted) {
      try {
        const share = Math.min(MAX_GRANTS, await this.#share());
        this.#keepOnly(share);
        const room = Math.min(share - this.#running.size, this.#connectable());
        const found =
          room > 0 ? await db.engine((sql) => findClaimable(sql, Math.min(room, CLAIM_BATCH))) : [];
        for (const grant of found) {
          if (this.#running.has(grant.grantId)) continue;
          await faultPoint('sync.before_claim');
          const lease = await db.engine((sql) => claim(sql, grant.grantId, this.#owner, LEASE_MS));
          await faultPoint('sync.after_claim');
          if (lease) this.#run(grant, lease);
        }
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        log.error(
          { code: (error as NodeJS.ErrnoException).code, name: (error as Error).name },
          'grants could not be claimed',
        );
      }
      await this.#wake.wait(this.#timings.claim, this.#stop.signal).catch(() => {});
    }
  }

  /** How many grants are for this engine, among all that live. */
  #share(): Promise<number> {
    const { db, clock } = this.#parts;
    return db.engine(async (sql) => {
      await clock.ask(sql);
      await noteEngine(sql, this.#owner, LEASE_MS);
      return fairShare(sql);
    });
  }

  /** How many grants more can be connected with the files that are left; those that are about to be have theirs. */
  #connectable(): number {
    const connecting = [...this.#running.values()].filter(({ mailbox }) => !mailbox).length;
    const spare = Math.floor(spareConnections() / GRANT_CONNECTIONS) - connecting;
    if (spare <= 0 && !this.#short)
      this.#parts.log.warn(
        { grants: this.#running.size },
        'no more grants are taken: this process may not open more connections; raise its limit of open files (ulimit -n)',
      );
    this.#short = spare <= 0;
    return spare;
  }

  /** Gives back what is above the share, some at a time: another engine has come and takes it. */
  #keepOnly(share: number): void {
    const held = [...this.#running.values()].filter((running) => !running.stop.signal.aborted);
    const surplus = held.slice(share).reverse().slice(0, HANDOVER_BATCH);
    for (const running of surplus) running.stop.abort(new GrantChanged());
  }

  #run(key: { applicationId: string; grantId: string }, lease: Lease): void {
    const stop = new AbortController();
    const running: Running = {
      lease,
      sync: null,
      mailbox: null,
      borrowers: 0,
      ended: false,
      stored: 0,
      stop,
      done: Promise.resolve(),
    };
    this.#running.set(lease.grantId, running);
    running.done = this.#sync(key, running, AbortSignal.any([stop.signal, this.#stop.signal])).finally(() => {
      this.#running.delete(lease.grantId);
      this.#parts.metrics.connected(this.#running.size);
      if (stop.signal.aborted) this.#wake.notify();
    });
    this.#parts.metrics.connected(this.#running.size);
  }

  /** One life of a grant's sync, from the lease to its release. Never throws. */
  async #sync(
    key: { applicationId: string; grantId: string },
    running: Running,
    signal: AbortSignal,
  ): Promise<void> {
    const { db, log, grants } = this.#parts;
    const { lease } = running;
    let mailbox: Mailbox | null = null;
    let secretVersion = 0;
    let failure: unknown;
    try {
      const loaded = await grants.load(key);
      if (!loaded) return;
      secretVersion = loaded.secretVersion;
      await this.#hosts.turn(loaded.account.settings.imap_host, signal);
      mailbox = this.#parts.openMailbox(loaded.account);
      running.mailbox = mailbox;
      running.sync = new GrantSync({
        writer: syncWriter({
          db,
          lease,
          scope: key,
          ownAddress: normalizeAddress(loaded.email),
          clock: this.#parts.clock.now,
        }),
        mailbox,
        parser: this.#parts.parser,
        blobs: this.#parts.blobs,
        rawRetentionDays: this.#parts.rawRetentionDays,
        log,
        metrics: {
          parked: (messages) => this.#parts.metrics.parked(messages),
          stored: (messages) => {
            running.stored += messages;
            this.#parts.metrics.stored(messages);
          },
        },
        timings: this.#timings,
        signal,
        serial: serializer(),
      });
      await running.sync.run();
    } catch (error) {
      failure = error;
    }
    try {
      running.ended = true;
      if (running.borrowers === 0) await mailbox?.close();
      await this.#giveBack(key, running, signal, failure, secretVersion);
    } catch (error) {
      log.error(
        { grantId: key.grantId, name: (error as Error).name },
        'a lease could not be given back; it will expire',
      );
    }
  }

  async #giveBack(
    key: { applicationId: string; grantId: string },
    { lease, stored }: Running,
    signal: AbortSignal,
    failure: unknown,
    secretVersion: number,
  ): Promise<void> {
    const { db, log, grants } = this.#parts;
    if (failure instanceof LeaseLostError) return;
    if (signal.aborted) {
      await db.engine((sql) => release(sql, lease, null, null));
      return;
    }
    // On a line on which no connection lives for long, mail gets through all the same.
    const before = stored > 0 ? 0 : await db.engine((sql) => failuresOf(sql, key.grantId));
    const failures = before + 1;
    const { code, wait, invalid } = this.#setbacks.judge(key.grantId, failure, failures);
    log.warn(
      { grantId: key.grantId, code, failures },
      'the sync of a grant broke and will be taken up again',
    );
    if (!(failure instanceof ProviderError)) {
      const { name, stack } = failure as Error;
      log.error(
        { grantId: key.grantId, name, where: stack?.split('\n').filter((l) => /^\s+at /.test(l)) },
        'unexpected error in a sync',
      );
    }
    if (invalid) await grants.refuse(key, secretVersion);
    await faultPoint('sync.before_release');
    await db.engine(async (sql) => {
      await release(sql, lease, wait, failures);
      await noteError(sql, key, code);
    });
    setTimeout(() => this.#wake.notify(), wait).unref();
  }

  async #renew(): Promise<void> {
    const leases = [...this.#running.values()].map((r) => r.lease);
    if (leases.length === 0) return;
    try {
      const held = await this.#parts.db.engine((sql) => renew(sql, leases, LEASE_MS));
      for (const [grantId, running] of this.#running) {
        if (leases.includes(running.lease) && !held.has(grantId))
          running.stop.abort(new LeaseLostError('the lease was lost'));
      }
    } catch (error) {
      // The fence in each write decides; a lease that cannot be renewed ends by itself.
      this.#parts.log.warn({ name: (error as Error).name }, 'leases could not be renewed');
    }
  }
}

class GrantChanged extends Error {
  override name = 'GrantChanged';
}

function serializer(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };
}
