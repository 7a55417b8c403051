import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect } from 'vitest';
import { createApplication } from '../../src/connect/applications.ts';
import type { ConnectContext, ImapVerifier } from '../../src/connect/context.ts';
import { createEgress } from '../../src/platform/egress.ts';
import { ApiError } from '../../src/platform/errors.ts';
import { MasterKey } from '../../src/platform/master-key.ts';
import { Secrets } from '../../src/platform/secrets.ts';
import { ensureMasterKey } from '../../src/store/master-keys.ts';
import { openTestDatabase, type TestDatabase } from './test-database.ts';

/** The connect room over a database of its own, with logins that a test decides about. */
export class ConnectFixture {
  readonly database: TestDatabase;
  readonly ctx: ConnectContext;
  /** Logins that were tried, in their order. */
  logins: string[] = [];
  /** How the servers answer; what is not set succeeds. */
  answer: Partial<ImapVerifier> = {};
  readonly #dataDir: string;

  private constructor(database: TestDatabase, dataDir: string, secrets: Secrets) {
    this.database = database;
    this.#dataDir = dataDir;
    this.ctx = {
      db: database.db,
      secrets,
      egress: createEgress({ allowPrivateNetworks: true }),
      log: pino({ level: 'silent' }),
      dnsServers: [],
      imap: {
        verifyImap: async (account, signal) => {
          this.logins.push(`imap ${account.settings.imap_host}`);
          await this.answer.verifyImap?.(account, signal);
        },
        verifySmtp: async (account, signal) => {
          this.logins.push(`smtp ${account.settings.smtp_host}`);
          await this.answer.verifySmtp?.(account, signal);
        },
      },
    };
  }

  static async open(): Promise<ConnectFixture> {
    const database = await openTestDatabase();
    const dataDir = mkdtempSync(join(tmpdir(), 'mq-connect-'));
    const secrets = new Secrets(dataDir, MasterKey.generate(), []);
    await ensureMasterKey(database.db, secrets);
    return new ConnectFixture(database, dataDir, secrets);
  }

  async close(): Promise<void> {
    await this.database.close();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  forget(): void {
    this.logins = [];
    this.answer = {};
  }

  async application(): Promise<string> {
    return (await createApplication(this.database.db, `app ${randomUUID()}`)).application.id;
  }

  async events(applicationId: string) {
    return this.database.db.tenant(applicationId, (sql) =>
      sql.rows<{ type: string; object_id: string; data: Record<string, unknown> }>(
        'SELECT type, object_id, data FROM events ORDER BY sequence',
      ),
    );
  }
}

/** A body of POST /v3/connect/custom that works, but for what is changed. */
export function customBody(settings: Record<string, unknown> = {}, rest: Record<string, unknown> = {}) {
  return {
    provider: 'imap',
    settings: { imap_username: 'ada@example.org', imap_password: 'pw', imap_host: '127.0.0.1', ...settings },
    ...rest,
  };
}

/** The filter of a list without any. */
export const noFilter = {
  limit: 10,
  offset: 0,
  sortBy: 'created_at',
  orderBy: 'desc',
  since: null,
  before: null,
  email: null,
  status: null,
  provider: null,
  ip: null,
} as const;

export const requestMeta = { ip: '192.0.2.9', userAgent: 'test' };

/** The refusal that a call ends with; fails when it succeeds, or with anything else. */
export async function refusalOf(work: Promise<unknown>): Promise<ApiError> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}
