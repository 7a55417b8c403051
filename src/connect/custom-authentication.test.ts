import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConnectFixture, customBody, noFilter, refusalOf, requestMeta } from '../../test/support/connect.ts';
import { createEgress } from '../platform/egress.ts';
import { ProviderError } from '../providers/provider.ts';
import { customAuthentication } from './custom-authentication.ts';
import { toGrantObject } from './grant-object.ts';
import { loadImapAccount } from './grant-secret.ts';
import { listGrants, markGrantInvalid } from './grants.ts';

let fixture: ConnectFixture;

beforeAll(async () => {
  fixture = await ConnectFixture.open();
});
afterAll(() => fixture?.close());
beforeEach(() => fixture.forget());

describe('custom authentication', () => {
  it('stores a grant after both fixture.logins, with its event', async () => {
    const app = await fixture.application();
    const grant = await customAuthentication(
      fixture.ctx,
      app,
      customBody({ smtp_host: '127.0.0.1', smtp_port: 587 }, { state: 's-1', scope: ['mail'], name: 'Ada' }),
      requestMeta,
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
    expect(fixture.logins.sort()).toEqual(['imap 127.0.0.1', 'smtp 127.0.0.1']);
    expect(await fixture.events(app)).toMatchObject([
      { type: 'grant.created', object_id: grant.id, data: { code: 25012 } },
    ]);
    const account = await fixture.database.db.tenant(app, (sql) =>
      loadImapAccount(sql, fixture.ctx.secrets, { applicationId: app, grantId: grant.id }),
    );
    expect(account).toMatchObject({ secret: { imap_password: 'pw' }, secretVersion: 1 });
  });

  it('authenticates the same address again under the same id', async () => {
    const app = await fixture.application();
    const first = await customAuthentication(fixture.ctx, app, customBody(), requestMeta);
    await fixture.database.db.tenant(app, (sql) =>
      markGrantInvalid(sql, { applicationId: app, grantId: first.id, secretVersion: first.secretVersion }),
    );
    const again = await customAuthentication(
      fixture.ctx,
      app,
      customBody({ imap_username: 'ADA@Example.org', imap_password: 'new' }),
      requestMeta,
    );
    expect(again).toMatchObject({ id: first.id, status: 'valid', secretVersion: 2 });
    expect((await fixture.events(app)).map((e) => e.type)).toEqual([
      'grant.created',
      'grant.expired',
      'grant.updated',
    ]);
    expect((await fixture.events(app))[2]?.data).toMatchObject({ code: 25027, reauthentication_flag: true });
  });

  it('makes one grant of many requests at once', async () => {
    const app = await fixture.application();
    const grants = await Promise.all(
      Array.from({ length: 8 }, () => customAuthentication(fixture.ctx, app, customBody(), requestMeta)),
    );
    expect(new Set(grants.map((g) => g.id)).size).toBe(1);
    expect((await fixture.events(app)).filter((e) => e.type === 'grant.created')).toHaveLength(1);
  });

  it.each([
    [{ settings: {} }, 'grant.provider_required', 'provider'],
    [{ provider: null, settings: {} }, 'grant.provider_required', 'provider'],
    [{ provider: 'gopher', settings: {} }, 'api.invalid_request_error', 'provider'],
    [{ provider: 7, settings: {} }, 'api.invalid_request_error', 'provider'],
    [{ provider: 'google', settings: {} }, 'api.invalid_request_error', 'provider'],
    [{ provider: 'imap' }, 'api.invalid_request_error', 'settings'],
    [{ provider: 'imap', settings: [] }, 'api.invalid_request_error', 'settings'],
    [customBody({ imap_username: undefined }), 'api.invalid_request_error', 'settings.imap_username'],
    [customBody({ imap_username: 'a\r\nb' }), 'api.invalid_request_error', 'settings.imap_username'],
    [customBody({ imap_password: '' }), 'api.invalid_request_error', 'settings.imap_password'],
    [customBody({ imap_password: 'a\0b' }), 'api.invalid_request_error', 'settings.imap_password'],
    [customBody({ imap_password: 'x'.repeat(1025) }), 'api.invalid_request_error', 'settings.imap_password'],
    [customBody({ imap_password: 5 }), 'api.invalid_request_error', 'settings.imap_password'],
    [customBody({ imap_port: 0 }), 'api.invalid_request_error', 'settings.imap_port'],
    [customBody({ imap_port: 65536 }), 'api.invalid_request_error', 'settings.imap_port'],
    [customBody({ imap_port: '993' }), 'api.invalid_request_error', 'settings.imap_port'],
    [customBody({ imap_port: 1.5 }), 'api.invalid_request_error', 'settings.imap_port'],
    [customBody({ imap_security: 'ssl' }), 'api.invalid_request_error', 'settings.imap_security'],
    [customBody({ smtp_security: 'ssl' }), 'api.invalid_request_error', 'settings.smtp_security'],
    [customBody({ smtp_port: 25 }), 'api.invalid_request_error', 'settings.smtp_host'],
    [customBody({ imap_host: 'x'.repeat(300) }), 'api.invalid_request_error', 'settings.imap_host'],
    [
      customBody({ imap_username: 'ada', imap_host: undefined }),
      'api.invalid_request_error',
      'settings.imap_host',
    ],
    [
      customBody({ imap_username: 'ada', email: 'not an address' }),
      'api.invalid_request_error',
      'settings.email',
    ],
    [customBody({}, { state: 'x'.repeat(3000) }), 'api.invalid_request_error', 'state'],
    [customBody({}, { scope: 'mail' }), 'api.invalid_request_error', 'scope'],
    [customBody({}, { name: 3 }), 'api.invalid_request_error', 'name'],
    [null, 'api.invalid_request_error', 'body'],
  ])('refuses %j as %s of %s', async (request, type, field) => {
    const app = await fixture.application();
    const error = await refusalOf(customAuthentication(fixture.ctx, app, request, requestMeta));
    expect(error).toMatchObject({ type, field });
    expect(error.message).toContain(field);
    expect(fixture.logins).toEqual([]);
    expect(await listGrants(fixture.ctx, app, noFilter)).toEqual([]);
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
    const app = await fixture.application();
    fixture.answer.verifyImap = async () => {
      throw failure;
    };
    const error = await refusalOf(customAuthentication(fixture.ctx, app, customBody(), requestMeta));
    expect(error).toMatchObject({ status, type });
    expect(error.message).toContain(words);
    expect(await listGrants(fixture.ctx, app, noFilter)).toEqual([]);
    expect(await fixture.events(app)).toEqual([]);
  });

  it('tells of a refused SMTP login, and ends the other attempt', async () => {
    const app = await fixture.application();
    let aborted = false;
    fixture.answer.verifySmtp = async () => {
      throw new ProviderError('authentication', 'x', { response: '535 5.7.8 nope' });
    };
    fixture.answer.verifyImap = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      });
    const error = await refusalOf(
      customAuthentication(fixture.ctx, app, customBody({ smtp_host: '127.0.0.1' }), requestMeta),
    );
    expect(error).toMatchObject({
      type: 'grant.invalid_authentication',
      field: 'settings.smtp_password',
      providerError: { type: 'smtp', response: '535 5.7.8 nope' },
    });
    expect(aborted).toBe(true);
  });

  it('allows plain text towards opened private hosts only', async () => {
    const app = await fixture.application();
    await customAuthentication(fixture.ctx, app, customBody({ imap_security: 'none' }), requestMeta);
    const strict = { ...fixture.ctx, egress: createEgress({ allowPrivateNetworks: false }) };
    for (const [context, host] of [
      [fixture.ctx, '8.8.8.8'],
      [strict, '127.0.0.1'],
      [strict, '8.8.8.8'],
    ] as const) {
      const error = await refusalOf(
        customAuthentication(
          context,
          app,
          customBody({ imap_host: host, imap_security: 'none' }),
          requestMeta,
        ),
      );
      expect(error).toMatchObject({ status: 400, field: 'settings.imap_security' });
    }
  });

  it('finds an address for a user name that is none', async () => {
    const app = await fixture.application();
    const given = await customAuthentication(
      fixture.ctx,
      app,
      customBody({ imap_username: 'ada', email: 'ada@here.test' }),
      requestMeta,
    );
    expect(given.email).toBe('ada@here.test');
    const derived = await customAuthentication(
      fixture.ctx,
      app,
      customBody({ imap_username: 'bob', imap_host: 'localhost' }),
      requestMeta,
    );
    expect(derived.email).toBe('bob@localhost');
  });

  it('fills in the servers of a known service', async () => {
    const app = await fixture.application();
    const grant = await customAuthentication(
      fixture.ctx,
      app,
      customBody({ imap_username: 'ada@gmail.com', imap_host: undefined }),
      requestMeta,
    );
    expect(grant.settings).toMatchObject({
      imap_host: 'imap.gmail.com',
      imap_port: 993,
      smtp_host: 'smtp.gmail.com',
    });
  });
});
