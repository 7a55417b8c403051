import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConnectFixture, customBody, noFilter, refusalOf, requestMeta } from '../../test/support/connect.ts';
import { ProviderError } from '../providers/provider.ts';
import { customAuthentication } from './custom-authentication.ts';
import { deleteGrant, findGrant, listGrants, markGrantInvalid, updateGrant } from './grants.ts';

let fixture: ConnectFixture;

beforeAll(async () => {
  fixture = await ConnectFixture.open();
});
afterAll(() => fixture?.close());
beforeEach(() => fixture.forget());

describe('a grant', () => {
  it('is updated whole, after new fixture.logins', async () => {
    const app = await fixture.application();
    const grant = await customAuthentication(
      fixture.ctx,
      app,
      customBody({ smtp_host: '127.0.0.1' }),
      requestMeta,
    );
    const updated = await updateGrant(fixture.ctx, app, grant.id, {
      settings: { imap_username: 'ada@example.org', imap_password: 'next', imap_host: 'localhost' },
    });
    expect(updated.settings).toEqual({
      imap_username: 'ada@example.org',
      imap_host: 'localhost',
      imap_port: 993,
      imap_security: 'tls',
    });
    expect(updated.secretVersion).toBe(2);
    fixture.answer.verifyImap = async () => {
      throw new ProviderError('authentication', 'no');
    };
    await refusalOf(updateGrant(fixture.ctx, app, grant.id, { settings: customBody().settings }));
    expect((await findGrant(fixture.ctx, app, grant.id)).secretVersion).toBe(2);
    const other = await refusalOf(
      updateGrant(fixture.ctx, app, grant.id, {
        settings: customBody({ imap_username: 'eve@example.org' }).settings,
      }),
    );
    expect(other.field).toBe('settings.imap_username');
  });

  it('changes scope and name without a login', async () => {
    const app = await fixture.application();
    const grant = await customAuthentication(fixture.ctx, app, customBody(), requestMeta);
    fixture.logins = [];
    const updated = await updateGrant(fixture.ctx, app, grant.id, { scope: ['a'], name: 'Countess' });
    expect(updated).toMatchObject({ scope: ['a'], name: 'Countess', updatedAt: grant.updatedAt });
    expect(fixture.logins).toEqual([]);
  });

  it('becomes invalid once, and not for a password that has been replaced', async () => {
    const app = await fixture.application();
    const grant = await customAuthentication(fixture.ctx, app, customBody(), requestMeta);
    const key = { applicationId: app, grantId: grant.id };
    const mark = (secretVersion: number) =>
      fixture.database.db.tenant(app, (sql) => markGrantInvalid(sql, { ...key, secretVersion }));
    expect(await mark(0)).toBe(false);
    expect(await mark(1)).toBe(true);
    expect(await mark(1)).toBe(false);
    expect((await fixture.events(app)).filter((e) => e.type === 'grant.expired')).toHaveLength(1);
    expect((await findGrant(fixture.ctx, app, grant.id)).status).toBe('invalid');
  });

  it('that was invalid is told of as authenticated again when new settings hold', async () => {
    const app = await fixture.application();
    const grant = await customAuthentication(fixture.ctx, app, customBody(), requestMeta);
    const refused = { applicationId: app, grantId: grant.id, secretVersion: grant.secretVersion };
    await fixture.database.db.tenant(app, (sql) => markGrantInvalid(sql, refused));
    const { settings } = customBody();
    const updated = await updateGrant(fixture.ctx, app, grant.id, { settings });
    expect(updated.status).toBe('valid');
    expect((await fixture.events(app)).at(-1)?.data).toMatchObject({
      code: 25027,
      reauthentication_flag: true,
    });
  });

  it('is gone when deleted, secret and lease with it', async () => {
    const app = await fixture.application();
    const grant = await customAuthentication(fixture.ctx, app, customBody(), requestMeta);
    await fixture.database.db.engine((sql) =>
      sql.run(`INSERT INTO leases (grant_id, owner, token, expires_at) VALUES ($1, 'x', 1, now())`, [
        grant.id,
      ]),
    );
    await deleteGrant(fixture.ctx, app, grant.id);
    expect((await refusalOf(findGrant(fixture.ctx, app, grant.id))).status).toBe(404);
    expect((await refusalOf(deleteGrant(fixture.ctx, app, grant.id))).status).toBe(404);
    expect((await refusalOf(updateGrant(fixture.ctx, app, grant.id, { name: 'x' }))).status).toBe(404);
    const [left] = await fixture.database.db.engine((sql) =>
      sql.rows(
        `SELECT secret, (SELECT count(*) FROM leases WHERE grant_id = $1) AS leases,
           (SELECT count(*) FROM grant_erasures WHERE grant_id = $1) AS erasures FROM grants WHERE id = $1`,
        [grant.id],
      ),
    );
    expect(left).toEqual({ secret: null, leases: 0, erasures: 1 });
    expect((await fixture.events(app)).at(-1)?.type).toBe('grant.deleted');
    const again = await customAuthentication(fixture.ctx, app, customBody(), requestMeta);
    expect(again.id).not.toBe(grant.id);
  });

  it('is listed with filters and pages, to its own application only', async () => {
    const app = await fixture.application();
    const other = await fixture.application();
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      ids.push(
        (
          await customAuthentication(
            fixture.ctx,
            app,
            customBody({ imap_username: `${name}@example.org` }),
            requestMeta,
          )
        ).id,
      );
    }
    const list = async (change: Partial<Parameters<typeof listGrants>[2]>) =>
      (await listGrants(fixture.ctx, app, { ...noFilter, ...change })).map((g) => g.email[0]).join('');
    expect(await list({})).toBe('cba');
    expect(await list({ orderBy: 'asc' })).toBe('abc');
    expect(await list({ orderBy: 'asc', limit: 1, offset: 1 })).toBe('b');
    expect(await list({ email: 'B@Example.org' })).toBe('b');
    expect(await list({ status: 'invalid' })).toBe('');
    expect(await list({ provider: 'google' })).toBe('');
    const now = Math.floor(Date.now() / 1000);
    expect(await list({ since: now + 60 })).toBe('');
    expect(await list({ before: now + 60, since: now - 60 })).toBe('cba');
    expect(await listGrants(fixture.ctx, other, noFilter)).toEqual([]);
    expect((await refusalOf(findGrant(fixture.ctx, other, ids[0]!))).status).toBe(404);
    expect((await refusalOf(deleteGrant(fixture.ctx, other, ids[0]!))).status).toBe(404);
    expect((await refusalOf(updateGrant(fixture.ctx, other, ids[0]!, { name: 'x' }))).status).toBe(404);
    const theirs = await customAuthentication(
      fixture.ctx,
      other,
      customBody({ imap_username: 'a@example.org' }),
      requestMeta,
    );
    expect(ids).not.toContain(theirs.id);
  });
});
