import type { ChangeContext } from '../changes/context.ts';
import type { ConnectContext } from '../connect/context.ts';
import { loadImapAccount } from '../connect/grant-secret.ts';
import { findGrant, markGrantInvalid } from '../connect/grants.ts';
import { Authenticator } from '../http/auth.ts';
import { Cleaner } from '../http/content/cleaner.ts';
import { createMetrics, type Metrics } from '../platform/metrics.ts';
import type { ImapTimings } from '../providers/imap/connection.ts';
import { imapMailboxes } from '../providers/imap/provider.ts';
import { imapVerifier } from '../providers/imap/verify.ts';
import type { Mailbox } from '../providers/provider.ts';
import type { BlobStore } from '../store/blobs/blob-store.ts';
import { FileBlobStore } from '../store/blobs/files.ts';
import { S3BlobStore } from '../store/blobs/s3.ts';
import { StoreClock } from '../store/clock.ts';
import type { Scope } from '../store/scope.ts';
import { SignalListener } from '../store/signals.ts';
import { Chores } from '../sync/chores.ts';
import type { SyncTimings } from '../sync/context.ts';
import { type GrantSource, SyncEngine } from '../sync/engine.ts';
import { ParsePool } from '../sync/parse-pool.ts';
import { TableStatistics } from '../sync/table-statistics.ts';
import type { Instance } from './instance.ts';

/** The services of a running mailquay, composed once and handed to whoever serves them. */
export interface Services {
  /** Knows API keys; is told when one is revoked. */
  authenticator: Authenticator;
  connect: ConnectContext;
  blobs: BlobStore;
  metrics: Metrics;
  engine: SyncEngine;
  /** A grant's mailbox for one read: the one of its running sync, or one of its own. */
  mailbox(scope: Scope): Promise<{ mailbox: Mailbox; release: () => Promise<void> } | null>;
  changes: ChangeContext;
  cleaner: Cleaner;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Composes the services; nothing runs before `start`. */
export function composeServices(
  instance: Instance,
  timings?: Partial<SyncTimings>,
  imapTimings?: Partial<ImapTimings>,
): Services {
  const { config, log, secrets, egress, database } = instance;
  const { db } = database;
  const metrics = createMetrics();
  const clock = new StoreClock();
  const blobs =
    config.blobs.kind === 'files' ? new FileBlobStore(config.blobs.directory) : new S3BlobStore(config.blobs);
  const openMailbox = imapMailboxes(egress, imapTimings);
  const parser = new ParsePool();
  const cleaner = new Cleaner();
  const grants: GrantSource = {
    load: async (key) => {
      const account = await db.engine((sql) => loadImapAccount(sql, secrets, key));
      if (!account) return null;
      const grant = await findGrant({ db }, key.applicationId, key.grantId);
      return { account, secretVersion: account.secretVersion, email: grant.email };
    },
    refuse: async (key, secretVersion) => {
      await db.engine((sql) => markGrantInvalid(sql, { ...key, secretVersion }));
    },
  };
  const statistics = new TableStatistics(db, log);
  const engine = new SyncEngine({
    db,
    log,
    blobs,
    parser,
    grants,
    openMailbox,
    rawRetentionDays: config.rawRetentionDays,
    clock,
    timings,
    metrics: {
      stored: (n) => {
        metrics.messagesStored.inc(n);
        statistics.stored();
      },
      parked: (n) => metrics.messagesParked.inc(n),
      connected: (n) => metrics.grantsSyncing.set(n),
    },
  });
  const chores = new Chores({ db, blobs, log, clock, rawRetentionDays: config.rawRetentionDays, timings });
  const authenticator = new Authenticator(db);
  const listener = new SignalListener(database.target, {
    mailquay_grants: (grantId) => {
      engine.grantChanged(grantId);
      chores.wake();
    },
    mailquay_looks: (grantId) => engine.lookSoon(grantId),
    mailquay_api_keys: () => authenticator.forget(),
  });
  const mailbox: Services['mailbox'] = async (scope) => {
    const lent = engine.borrowMailbox(scope.grantId);
    if (lent) return lent;
    const loaded = await grants.load(scope);
    if (!loaded) return null;
    const own = openMailbox(loaded.account);
    return { mailbox: own, release: () => own.close() };
  };
  return {
    authenticator,
    blobs,
    metrics,
    engine,
    connect: {
      db,
      secrets,
      egress,
      log,
      imap: imapVerifier(egress),
      dnsServers: config.dnsServers,
    },
    mailbox,
    changes: { db, clock: clock.now, mailbox, allowHardDelete: config.allowHardDelete },
    cleaner,
    start: async () => {
      // Half-written files of an earlier life; only where no other process can be writing.
      if (blobs instanceof FileBlobStore && config.databaseUrl === null) await blobs.clean();
      await db.engine((sql) => clock.ask(sql));
      await listener.start();
      engine.start();
      chores.start();
      statistics.start();
    },
    stop: async () => {
      await listener.stop();
      await Promise.all([engine.stop(), chores.stop(), statistics.stop()]);
      await Promise.all([parser.close(), cleaner.close()]);
    },
  };
}
