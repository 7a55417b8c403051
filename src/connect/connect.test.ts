import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../../test/support/test-database.ts';
import { createEgress } from '../platform/egress.ts';
import { ApiError } from '../platform/errors.ts';
import { MasterKey } from '../platform/master-key.ts';
import { Secrets } from '../platform/secrets.ts';
import { ProviderError } from '../providers/provider.ts';
import { findValidApiKey } from '../store/api-keys.ts';
import { ensureMasterKey } from '../store/master-keys.ts';
import { createApiKey, revokeKey } from './api-keys.ts';
import { createApplication, listAll } from './applications.ts';
import type { ConnectContext, ImapVerifier } from './context.ts';
import { customAuthentication } from './custom-authentication.ts';
import { ensureFirstApplication } from './first-application.ts';
import { toGrantObject } from './grant-object.ts';
import { loadImapAccount } from './grant-secret.ts';
import { deleteGrant, findGrant, listGrants, markGrantInvalid, updateGrant } from './grants.ts';

let test: TestDatabase;
let dataDir: string;
let ctx: ConnectContext;
let changed: string[];
let logins: string[];
let answer: Partial<ImapVerifier>;
const meta = { ip: '192.0.2.9', userAgent: 'test' };
const filter = {
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

beforeAll(async () => {
  test = await openTestDatabase();
  dataDir = mkdtempSync(join(tmpdir(), 'mq-connect-'));
  const secrets = new Secrets(dataDir, MasterKey.generate(), []);
  await ensureMasterKey(test.db, secrets);
  ctx = {
    db: test.db,
    secrets,
    egress: createEgress({ allowPrivateNetworks: true }),
    log: pino({ level: 'silent' }),
    dnsServers: [],
    imap: {
      verifyImap: async (account, signal) => {
        logins.push(`imap ${account.settings.imap_host}`);
        await answer.verifyImap?.(account, signal);
      },
      verifySmtp: async (account, signal) => {
        logins.push(`smtp ${account.settings.smtp_host}`);
        await answer.verifySmtp?.(account, signal);
      },
    },
    onGrantChanged: (id) => changed.push(id),
  };
});
afterAll(async () => {
  await test?.close();
  rmSync(dataDir, { recursive: true, force: true });
});
beforeEach(() => {
  changed = [];
  logins = [];
  answer = {};
});

async function application(): Promise<string> {
  return (await createApplication(test.db, `app ${randomUUID()}`)).application.id;
}

function body(settings: Record<string, unknown> = {}, rest: Record<string, unknown> = {}) {
  return {
    provider: 'imap',
    settings: { imap_username: 'ada@example.org', imap_password: 'pw', imap_host: '127.0.0.1', ...settings },
    ...rest,
  };
}

async function events(applicationId: string) {
  return test.db.tenant(applicationId, (sql) =>
    sql.rows<{ type: string; object_id: string; data: Record<string, unknown> }>(
      'SELECT type, object_id, data FROM events ORDER BY sequence',
    ),
  );
}

async function refusalOf(work: Promise<unknown>): Promise<ApiError> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe('custom authentication', () => {
  it('stores a grant after both logins, with its event', async () => {
    const app = await application();
    const grant = await customAuthentication(
      ctx,
      app,
      body({ smtp_host: '127.0.0.1', smtp_port: 587 }, { state: 's-1', scope: ['mail'], name: 'Ada' }),
      meta,
    );
    expect(toGrantObject(grant)).toMatchObject({
      provider: 'imap',
      email: 'ada@example.org',
      grant_status: 'valid',
      state: 's-1',
      scope: ['mail'],
      name: 'Ada',
      ip: '192.0.2.9',
      settings: {
        imap_username: 'ada@example.org',
        imap_host: '127.0.0.1',
        imap_port: 993,
        imap_security: 'tls',
        smtp_host: '127.0.0.1',
        smtp_port: 587,
        smtp_security: 'starttls',
      },
    });
    expect(grant.createdAt).toBe(grant.updatedAt);
    expect(JSON.stringify(toGrantObject(grant))).not.toContain('password');
    expect(logins.sort()).toEqual(['imap 127.0.0.1', 'smtp 127.0.0.1']);
    expect(changed).toEqual([grant.id]);
    expect(await events(app)).toMatchObject([
      { type: 'grant.created', object_id: grant.id, data: { code: 25012 } },
    ]);
    const account = await test.db.tenant(app, (sql) =>
      loadImapAccount(sql, ctx.secrets, { applicationId: app, grantId: grant.id }),
    );
    expect(account).toMatchObject({ secret: { imap_password: 'pw' }, secretVersion: 1 });
  });

  it('authenticates the same address again under the same id', async () => {
    const app = await application();
    const first = await customAuthentication(ctx, app, body(), meta);
    await test.db.tenant(app, (sql) =>
      markGrantInvalid(sql, { applicationId: app, grantId: first.id, secretVersion: first.secretVersion }),
    );
    const again = await customAuthentication(
      ctx,
      app,
      body({ imap_username: 'ADA@Example.org', imap_password: 'new' }),
      meta,
    );
    expect(again).toMatchObject({ id: first.id, status: 'valid', secretVersion: 2 });
    expect((await events(app)).map((e) => e.type)).toEqual([
      'grant.created',
      'grant.expired',
      'grant.updated',
    ]);
    expect((await events(app))[2]?.data).toMatchObject({ code: 25027, reauthentication_flag: true });
  });

  it('makes one grant of many requests at once', async () => {
    const app = await application();
    const grants = await Promise.all(
      Array.from({ length: 8 }, () => customAuthentication(ctx, app, body(), meta)),
    );
    expect(new Set(grants.map((g) => g.id)).size).toBe(1);
    expect((await events(app)).filter((e) => e.type === 'grant.created')).toHaveLength(1);
  });

  it.each([
    [{ settings: {} }, 'grant.provider_required', 'provider'],
    [{ provider: null, settings: {} }, 'grant.provider_required', 'provider'],
    [{ provider: 'gopher', settings: {} }, 'api.invalid_request_error', 'provider'],
    [{ provider: 7, settings: {} }, 'api.invalid_request_error', 'provider'],
    [{ provider: 'google', settings: {} }, 'api.invalid_request_error', 'provider'],
    [{ provider: 'imap' }, 'api.invalid_request_error', 'settings'],
    [{ provider: 'imap', settings: [] }, 'api.invalid_request_error', 'settings'],
    [body({ imap_username: undefined }), 'api.invalid_request_error', 'settings.imap_username'],
    [body({ imap_username: 'a\r\nb' }), 'api.invalid_request_error', 'settings.imap_username'],
    [body({ imap_password: '' }), 'api.invalid_request_error', 'settings.imap_password'],
    [body({ imap_password: 'a\0b' }), 'api.invalid_request_error', 'settings.imap_password'],
    [body({ imap_password: 'x'.repeat(1025) }), 'api.invalid_request_error', 'settings.imap_password'],
    [body({ imap_password: 5 }), 'api.invalid_request_error', 'settings.imap_password'],
    [body({ imap_port: 0 }), 'api.invalid_request_error', 'settings.imap_port'],
    [body({ imap_port: 65536 }), 'api.invalid_request_error', 'settings.imap_port'],
    [body({ imap_port: '993' }), 'api.invalid_request_error', 'settings.imap_port'],
    [body({ imap_port: 1.5 }), 'api.invalid_request_error', 'settings.imap_port'],
    [body({ imap_security: 'ssl' }), 'api.invalid_request_error', 'settings.imap_security'],
    [body({ smtp_security: 'ssl' }), 'api.invalid_request_error', 'settings.smtp_security'],
    [body({ smtp_port: 25 }), 'api.invalid_request_error', 'settings.smtp_host'],
    [body({ imap_host: 'x'.repeat(300) }), 'api.invalid_request_error', 'settings.imap_host'],
    [body({ imap_username: 'ada', imap_host: undefined }), 'api.invalid_request_error', 'settings.imap_host'],
    [body({ imap_username: 'ada', email: 'not an address' }), 'api.invalid_request_error', 'settings.email'],
    [body({}, { state: 'x'.repeat(3000) }), 'api.invalid_request_error', 'state'],
    [body({}, { scope: 'mail' }), 'api.invalid_request_error', 'scope'],
    [body({}, { name: 3 }), 'api.invalid_request_error', 'name'],
    [null, 'api.invalid_request_error', 'body'],
  ])('refuses %j as %s of %s', async (request, type, field) => {
    const app = await application();
    const error = await refusalOf(customAuthentication(ctx, app, request, meta));
    expect(error).toMatchObject({ type, field });
    expect(error.message).toContain(field);
    expect(logins).toEqual([]);
    expect(await listGrants(ctx, app, filter)).toEqual([]);
  });

  it.each([
    [
      new ProviderError('authentication', 'no', { response: '[AUTH] Wrong!' }),
      401,
      'grant.invalid_authentication',
      'Wrong!',
    ],
    [
      new ProviderError('network', 'nothing', { code: 'ENOTFOUND' }),
      400,
      'api.invalid_request_error',
      'settings.imap_host',
    ],
    [
      new ProviderError('network', 'refused', { code: 'ECONNREFUSED' }),
      504,
      'api.provider_error',
      'could not be reached',
    ],
    [new ProviderError('tls', 'self-signed certificate'), 400, 'api.invalid_request_error', 'self-signed'],
    [new ProviderError('busy', 'later'), 503, 'api.provider_error', 'later'],
    [new ProviderError('protocol', 'garbage'), 504, 'api.provider_error', 'garbage'],
    [
      new ProviderError('forbidden_host', 'may not be dialled'),
      400,
      'api.invalid_request_error',
      'settings.imap_host',
    ],
  ])('answers %s with %i', async (failure, status, type, words) => {
    const app = await application();
    answer.verifyImap = async () => {
      throw failure;
    };
    const error = await refusalOf(customAuthentication(ctx, app, body(), meta));
    expect(error).toMatchObject({ status, type });
    expect(error.message).toContain(words);
    expect(await listGrants(ctx, app, filter)).toEqual([]);
    expect(await events(app)).toEqual([]);
  });

  it('tells of a refused SMTP login, and ends the other attempt', async () => {
    const app = await application();
    let aborted = false;
    answer.verifySmtp = async () => {
      throw new ProviderError('authentication', 'x', { response: '535 5.7.8 nope' });
    };
    answer.verifyImap = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      });
    const error = await refusalOf(customAuthentication(ctx, app, body({ smtp_host: '127.0.0.1' }), meta));
    expect(error).toMatchObject({
      type: 'grant.invalid_authentication',
      field: 'settings.smtp_password',
      providerError: { type: 'smtp', response: '535 5.7.8 nope' },
    });
    expect(aborted).toBe(true);
  });

  it('allows plain text towards opened private hosts only', async () => {
    const app = await application();
    await customAuthentication(ctx, app, body({ imap_security: 'none' }), meta);
    const strict = { ...ctx, egress: createEgress({ allowPrivateNetworks: false }) };
    for (const [context, host] of [
      [ctx, '8.8.8.8'],
      [strict, '127.0.0.1'],
      [strict, '8.8.8.8'],
    ] as const) {
      const error = await refusalOf(
        customAuthentication(context, app, body({ imap_host: host, imap_security: 'none' }), meta),
      );
      expect(error).toMatchObject({ status: 400, field: 'settings.imap_security' });
    }
  });

  it('finds an address for a user name that is none', async () => {
    const app = await application();
    const given = await customAuthentication(
      ctx,
      app,
      body({ imap_username: 'ada', email: 'ada@here.test' }),
      meta,
    );
    expect(given.email).toBe('ada@here.test');
    const derived = await customAuthentication(
      ctx,
      app,
      body({ imap_username: 'bob', imap_host: 'localhost' }),
      meta,
    );
    expect(derived.email).toBe('bob@localhost');
  });

  it('fills in the servers of a known service', async () => {
    const app = await application();
    const grant = await customAuthentication(
      ctx,
      app,
      body({ imap_username: 'ada@gmail.com', imap_host: undefined }),
      meta,
    );
    expect(grant.settings).toMatchObject({
      imap_host: 'imap.gmail.com',
      imap_port: 993,
      smtp_host: 'smtp.gmail.com',
    });
  });
});

describe('a grant', () => {
  it('is updated whole, after new logins', async () => {
    const app = await application();
    const grant = await customAuthentication(ctx, app, body({ smtp_host: '127.0.0.1' }), meta);
    const updated = await updateGrant(ctx, app, grant.id, {
      settings: { imap_username: 'ada@example.org', imap_password: 'next', imap_host: 'localhost' },
    });
    expect(updated.settings).toEqual({
      imap_username: 'ada@example.org',
      imap_host: 'localhost',
      imap_port: 993,
      imap_security: 'tls',
    });
    expect(updated.secretVersion).toBe(2);
    answer.verifyImap = async () => {
      throw new ProviderError('authentication', 'no');
    };
    await refusalOf(updateGrant(ctx, app, grant.id, { settings: body().settings }));
    expect((await findGrant(ctx, app, grant.id)).secretVersion).toBe(2);
    const other = await refusalOf(
      updateGrant(ctx, app, grant.id, { settings: body({ imap_username: 'eve@example.org' }).settings }),
    );
    expect(other.field).toBe('settings.imap_username');
  });

  it('changes scope and name without a login', async () => {
    const app = await application();
    const grant = await customAuthentication(ctx, app, body(), meta);
    logins = [];
    const updated = await updateGrant(ctx, app, grant.id, { scope: ['a'], name: 'Countess' });
    expect(updated).toMatchObject({ scope: ['a'], name: 'Countess', updatedAt: grant.updatedAt });
    expect(logins).toEqual([]);
  });

  it('becomes invalid once, and not for a password that has been replaced', async () => {
    const app = await application();
    const grant = await customAuthentication(ctx, app, body(), meta);
    const key = { applicationId: app, grantId: grant.id };
    const mark = (secretVersion: number) =>
      test.db.tenant(app, (sql) => markGrantInvalid(sql, { ...key, secretVersion }));
    expect(await mark(0)).toBe(false);
    expect(await mark(1)).toBe(true);
    expect(await mark(1)).toBe(false);
    expect((await events(app)).filter((e) => e.type === 'grant.expired')).toHaveLength(1);
    expect((await findGrant(ctx, app, grant.id)).status).toBe('invalid');
  });

  it('is gone when deleted, secret and lease with it', async () => {
    const app = await application();
    const grant = await customAuthentication(ctx, app, body(), meta);
    await test.db.engine((sql) =>
      sql.run(`INSERT INTO leases (grant_id, owner, token, expires_at) VALUES ($1, 'x', 1, now())`, [
        grant.id,
      ]),
    );
    await deleteGrant(ctx, app, grant.id);
    expect(changed.at(-1)).toBe(grant.id);
    expect((await refusalOf(findGrant(ctx, app, grant.id))).status).toBe(404);
    expect((await refusalOf(deleteGrant(ctx, app, grant.id))).status).toBe(404);
    expect((await refusalOf(updateGrant(ctx, app, grant.id, { name: 'x' }))).status).toBe(404);
    const [left] = await test.db.engine((sql) =>
      sql.rows(
        `SELECT secret, (SELECT count(*) FROM leases WHERE grant_id = $1) AS leases,
           (SELECT count(*) FROM grant_erasures WHERE grant_id = $1) AS erasures FROM grants WHERE id = $1`,
        [grant.id],
      ),
    );
    expect(left).toEqual({ secret: null, leases: 0, erasures: 1 });
    expect((await events(app)).at(-1)?.type).toBe('grant.deleted');
    const again = await customAuthentication(ctx, app, body(), meta);
    expect(again.id).not.toBe(grant.id);
  });

  it('is listed with filters and pages, to its own application only', async () => {
    const app = await application();
    const other = await application();
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      ids.push(
        (await customAuthentication(ctx, app, body({ imap_username: `${name}@example.org` }), meta)).id,
      );
    }
    const list = async (change: Partial<Parameters<typeof listGrants>[2]>) =>
      (await listGrants(ctx, app, { ...filter, ...change })).map((g) => g.email[0]).join('');
    expect(await list({})).toBe('cba');
    expect(await list({ orderBy: 'asc' })).toBe('abc');
    expect(await list({ orderBy: 'asc', limit: 1, offset: 1 })).toBe('b');
    expect(await list({ email: 'B@Example.org' })).toBe('b');
    expect(await list({ status: 'invalid' })).toBe('');
    expect(await list({ provider: 'google' })).toBe('');
    const now = Math.floor(Date.now() / 1000);
    expect(await list({ since: now + 60 })).toBe('');
    expect(await list({ before: now + 60, since: now - 60 })).toBe('cba');
    expect(await listGrants(ctx, other, filter)).toEqual([]);
    expect((await refusalOf(findGrant(ctx, other, ids[0]!))).status).toBe(404);
    expect((await refusalOf(deleteGrant(ctx, other, ids[0]!))).status).toBe(404);
    expect((await refusalOf(updateGrant(ctx, other, ids[0]!, { name: 'x' }))).status).toBe(404);
    const theirs = await customAuthentication(ctx, other, body({ imap_username: 'a@example.org' }), meta);
    expect(ids).not.toContain(theirs.id);
  });
});

describe('applications and API keys', () => {
  const find = (key: string) => test.db.engine((sql) => findValidApiKey(sql, key));

  it('follow MAILQUAY_API_KEY', async () => {
    await ensureFirstApplication(test.db, { apiKey: 'first-value-123' });
    const [first] = await listAll(test.db);
    expect((await find('first-value-123'))?.applicationId).toBe(first?.id);
    await ensureFirstApplication(test.db, { apiKey: 'second-value-12' });
    expect(await find('first-value-123')).toBeUndefined();
    const key = await find('second-value-12');
    expect(key).toMatchObject({ name: 'environment', last4: 'e-12' });
    await revokeKey(test.db, first!.id, key!.id);
    expect(await find('second-value-12')).toBeUndefined();
    await ensureFirstApplication(test.db, { apiKey: 'second-value-12' });
    expect(await find('second-value-12')).toBeDefined();
    const foreign = await createApplication(test.db, 'foreign');
    await expect(ensureFirstApplication(test.db, { apiKey: foreign.value })).rejects.toThrow(
      'another application',
    );
  });

  it('are shown once, expire, and are revoked', async () => {
    const { application, value } = await createApplication(test.db, 'keys');
    expect(value).toMatch(/^mq_live_[\w-]{43}$/);
    expect((await find(value))?.applicationId).toBe(application.id);
    const { key, value: second } = await createApiKey(test.db, application.id, {
      name: 'ci',
      expiresInDays: 1,
    });
    expect(key.expiresAt! - key.createdAt).toBeGreaterThan(86_000);
    await test.db.engine((sql) => sql.run(`UPDATE api_keys SET expires_at = now() WHERE id = $1`, [key.id]));
    expect(await find(second)).toBeUndefined();
    await expect(revokeKey(test.db, await otherApplication(), key.id)).rejects.toThrow('no valid API key');
  });

  async function otherApplication(): Promise<string> {
    return application();
  }
});
