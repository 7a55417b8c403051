import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, startServer } from '../../src/cli/serve.ts';
import { type Config, readConfig } from '../../src/platform/config.ts';
import type { ImapTimings } from '../../src/providers/imap/connection.ts';
import type { SyncTimings } from '../../src/sync/context.ts';
import { eventually } from './eventually.ts';
import { Nylas } from './nylas.ts';
import { freshDatabase } from './test-database.ts';

export { eventually };

/** A whole mailquay in this process, sync and API, on a database of its own. */
export interface TestMailquay {
  origin: string;
  apiKey: string;
  config: Config;
  server: RunningServer;
  nylas: Nylas;
  /** Connects an IMAP mailbox on loopback and returns the grant's id. */
  connect(account: Login): Promise<string>;
  /** GET, as JSON. */
  get<T = { data: never; next_cursor?: string }>(
    path: string,
    key?: string,
  ): Promise<{ status: number; body: T; text: string }>;
  call(
    method: string,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<{
    status: number;
    body: { data?: never; error?: { type: string; message: string } };
    text: string;
  }>;
  /** Reads from the database past every wall. */
  sql<T>(text: string, values?: unknown[]): Promise<T[]>;
  /** Waits until the first sync of a grant is complete. */
  synced(grantId: string, ms?: number): Promise<void>;
  /** Ends the back-off of a grant, as time would: after many failures in a row it may be minutes. */
  retryNow(grantId: string): Promise<void>;
  /** The same until a sync has succeeded. */
  recovered(grantId: string): Promise<void>;
  /** Stops it and starts it again on the same data; `meanwhile` happens while it is down. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

interface Login {
  username: string;
  password: string;
  port: number;
}

/** Short, so that a test need not wait for what an operator would. */
const TEST_TIMINGS: SyncTimings = {
  poll: 1_000,
  scan: 500,
  scanPerMessage: 0,
  reconcile: 5_000,
  settle: 50,
  retry: 500,
  parkedRetry: 60_000,
  backoff: 100,
  refusal: 200,
  claim: 500,
  erase: 500,
  eraseAgain: 2_000,
};

export async function startMailquay(
  options: {
    timings?: Partial<SyncTimings>;
    imapTimings?: Partial<ImapTimings>;
    env?: Record<string, string>;
  } = {},
): Promise<TestMailquay> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mailquay-suite-'));
  const apiKey = `test_${randomBytes(12).toString('hex')}`;
  const own = await freshDatabase();
  const config = readConfig({
    MAILQUAY_DATA_DIR: dataDir,
    MAILQUAY_PORT: '0',
    MAILQUAY_API_KEY: apiKey,
    MAILQUAY_ALLOW_PRIVATE_NETWORKS: 'true',
    MAILQUAY_LOG_LEVEL: process.env.MAILQUAY_LOG_LEVEL ?? 'fatal',
    DATABASE_URL: own.url,
    // Tests ask often; those of the limits set their own.
    MAILQUAY_GRANT_REQUESTS_PER_SECOND: '0',
    MAILQUAY_APPLICATION_REQUESTS_PER_SECOND: '0',
    ...options.env,
  });
  const timings = { ...TEST_TIMINGS, ...options.timings };
  const self: TestMailquay = {
    origin: '',
    apiKey,
    config,
    server: await startServer(config, { timings, imapTimings: options.imapTimings }),
    nylas: undefined as unknown as Nylas,
    connect: async ({ username, password, port }) => {
      const { status, body, text } = await self.call('POST', '/v3/connect/custom', {
        provider: 'imap',
        settings: {
          imap_username: username,
          imap_password: password,
          imap_host: '127.0.0.1',
          imap_port: port,
          imap_security: 'none',
        },
      });
      if (status !== 201) throw new Error(`connect answered ${status}: ${text}`);
      return (body as unknown as { data: { id: string } }).data.id;
    },
    get: async (path, key = apiKey) => {
      const response = await fetch(self.origin + path, { headers: { authorization: `Bearer ${key}` } });
      const text = await response.text();
      return { status: response.status, body: parse(text), text };
    },
    call: async (method, path, body, key = apiKey) => {
      const response = await fetch(self.origin + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, body: parse(text), text };
    },
    sql: <T>(text: string, values?: unknown[]) =>
      self.server.instance.database.db.engine((sql) => sql.rows<T>(text, values)),
    synced: (grantId, ms = 60_000) =>
      eventually(async () => {
        const [row] = await self.sql<{ phase: string }>('SELECT phase FROM sync_states WHERE grant_id = $1', [
          grantId,
        ]);
        if (row?.phase !== 'live')
          throw new Error(`the first sync is not complete (${row?.phase ?? 'not begun'})`);
      }, ms),
    retryNow: async (grantId) => {
      await self.sql('UPDATE leases SET not_before = NULL WHERE grant_id = $1 RETURNING 1', [grantId]);
    },
    recovered: (grantId) =>
      eventually(async () => {
        await self.retryNow(grantId);
        const [lease] = await self.sql<{ failures: number }>(
          'SELECT failures FROM leases WHERE grant_id = $1',
          [grantId],
        );
        if (lease?.failures !== 0) throw new Error(`${lease?.failures} failures of the sync in a row`);
      }, 60_000),
    restart: async (meanwhile) => {
      await self.server.stop();
      await meanwhile?.();
      self.server = await startServer(config, { timings, imapTimings: options.imapTimings });
      aim(self);
    },
    stop: async () => {
      await self.server.stop();
      await own.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  aim(self);
  return self;
}

function aim(self: TestMailquay): void {
  self.origin = self.server.origin;
  self.nylas = new Nylas({ apiKey: self.apiKey, apiUri: self.origin });
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined as T;
  }
}
