/** Applications and their redirect URIs, through the official SDK. */
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Application } from '../../src/model/application.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { addApplication, type FixtureApplication } from '../support/fixture.ts';
import type { Nylas } from '../support/nylas.ts';

let api: TestApi;
let app: FixtureApplication;
let other: FixtureApplication;
let nylas: Nylas;

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'Shop');
  other = await addApplication(api.database.db, 'Other');
  nylas = api.sdk(app.key);
});
afterAll(() => api?.close());

const json = async (method: string, path: string, body: unknown, key = app.key) => {
  const response = await api.call(path, key, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { data: Record<string, unknown>; error?: { message: string } };
  return { status: response.status, answer, message: answer.error?.message ?? '' };
};

describe('an application', () => {
  const isApplication = Compile(Application);

  it('shows itself, and is changed part by part', async () => {
    const before = (await nylas.applications.getDetails()).data;
    expect(before).toMatchObject({
      applicationId: app.id,
      organizationId: app.id,
      branding: { name: 'Shop' },
    });
    const { answer } = await json('PATCH', '/v3/applications', {});
    expect(answer).toMatchObject({ success: true, data: { application_id: app.id } });
    expect(answer).toHaveProperty('request_id');

    const branding = { name: 'Shöp', iconUrl: 'https://shop.example/i.png', description: 'two\nlines' };
    const hostedAuthentication = {
      backgroundImageUrl: 'http://shop.example/b.jpg',
      alignment: 'center',
      colorPrimary: '#0a84ff',
      colorSecondary: 'rgb(1, 2, 3)',
      backgroundColor: 'white',
      title: 'Sign in',
      subtitle: 'to Shop',
      spacing: 12,
      termsOfServiceUrl: 'https://shop.example/terms',
      privacyPolicyUrl: 'https://shop.example/privacy',
    };
    const changed = await nylas.applications.update({
      requestBody: {
        branding,
        hostedAuthentication,
        idpSettings: {
          origins: 'https://a.example, http://localhost:3000',
          issuers: 'https://idp.example/x',
        },
        domain: 'Auth.Shop.example',
        additionalSettings: { loginUrl: 'https://shop.example/login', rotateRefreshToken: true },
      },
    });
    expect(changed.data).toMatchObject({ branding, hostedAuthentication, domain: 'auth.shop.example' });
    expect(changed.data).toMatchObject({
      additionalSettings: { loginUrl: 'https://shop.example/login', rotateRefreshToken: true },
    });
    expect(isApplication.Errors((await json('PATCH', '/v3/applications', {})).answer.data)).toEqual([]);

    // An object is replaced whole, the others stay, and an empty text is none.
    const replaced = await nylas.applications.update({
      requestBody: { branding: { websiteUrl: 'https://shop.example', iconUrl: '' }, domain: '' },
    });
    expect(replaced.data.branding).toEqual({ name: 'Shop', websiteUrl: 'https://shop.example' });
    expect(replaced.data.hostedAuthentication).toEqual(hostedAuthentication);
    expect(replaced.data).not.toHaveProperty('domain');
    expect((await api.sdk(other.key).applications.getDetails()).data.branding).toEqual({ name: 'Other' });
  });

  it.each([
    [{ branding: { icon_url: 'ftp://x.example/a' } }, 'branding.icon_url: must be an http or https URL'],
    [{ branding: { website_url: 'javascript:alert(1)' } }, 'branding.website_url'],
    [{ branding: { website_url: 'https://u:p@x.example' } }, 'branding.website_url'],
    [{ branding: { name: 'x'.repeat(256) } }, 'branding.name'],
    [{ branding: { name: 'a\nb' } }, 'branding.name'],
    [{ branding: { name: 5 } }, 'branding.name'],
    [{ branding: 'x' }, 'branding'],
    [{ hosted_authentication: { alignment: 'top' } }, 'hosted_authentication.alignment'],
    [{ hosted_authentication: { color_primary: '#12' } }, 'hosted_authentication.color_primary'],
    [{ hosted_authentication: { color_primary: 'red;}' } }, 'hosted_authentication.color_primary'],
    [
      { hosted_authentication: { background_color: 'url(https://x)' } },
      'hosted_authentication.background_color',
    ],
    [{ hosted_authentication: { spacing: -1 } }, 'hosted_authentication.spacing'],
    [{ idp_settings: { origins: 'https://a.example/path' } }, 'idp_settings.origins'],
    [{ idp_settings: { origins: 'http://a.example' } }, 'idp_settings.origins'],
    [{ additional_settings: { rotate_refresh_token: 'yes' } }, 'additional_settings.rotate_refresh_token'],
    [{ additional_settings: { refresh_token_expiration_idle: -5 } }, 'additional_settings.refresh'],
    [{ domain: 'https://x.example' }, 'domain'],
    [{ domain: '127.0.0.1' }, 'domain'],
    [{ callback_uris: [{ url: 'https://a.example/' }, { platform: 'web' }] }, 'callback_uris[1].url'],
    [
      { callback_uris: [{ url: 'https://a.example/' }, { url: 'https://a.example/' }] },
      'callback_uris[1].url',
    ],
    [{ callback_uris: [{ id: 'x', url: 'https://a.example/' }] }, 'callback_uris[0].id'],
  ])('refuses %j and keeps what it has', async (body, message) => {
    const before = await nylas.applications.getDetails();
    const fine = { description: 'would do' };
    const refused = await json('PATCH', '/v3/applications', {
      branding: fine,
      hosted_authentication: {},
      ...body,
    });
    expect(refused.status).toBe(400);
    expect(refused.message).toContain(message);
    expect((await nylas.applications.getDetails()).data).toEqual(before.data);
  });
});

describe('redirect URIs', () => {
  it('are created, found, changed and removed, under both names', async () => {
    const { data: web } = await nylas.applications.redirectUris.create({
      requestBody: { url: 'https://shop.example/cb?x=1' },
    });
    expect(web).toEqual({ id: web.id, url: 'https://shop.example/cb?x=1', platform: 'web' });
    const { data: ios } = await nylas.applications.redirectUris.create({
      requestBody: {
        url: 'com.example.shop://signed-in',
        platform: 'ios',
        settings: { bundleId: 'com.example.shop', teamId: 'ABCDE12345' },
      },
    });
    expect((await nylas.applications.redirectUris.list()).data).toEqual([web, ios]);
    expect((await nylas.applications.redirectUris.find({ redirectUriId: ios.id })).data).toEqual(ios);
    expect((await nylas.applications.getDetails()).data.callbackUris).toEqual([web, ios]);
    const alias = await api.call(`/v3/applications/callback-uris/${web.id.toUpperCase()}`, app.key);
    expect(await alias.json()).toMatchObject({ data: { id: web.id } });

    const moved = await nylas.applications.redirectUris.update({
      redirectUriId: web.id,
      requestBody: { url: 'http://localhost:3000/cb' },
    });
    expect(moved.data).toEqual({ ...web, url: 'http://localhost:3000/cb' });
    const settings = { bundleId: 'com.example.other' };
    expect(
      (await nylas.applications.redirectUris.update({ redirectUriId: ios.id, requestBody: { settings } }))
        .data.settings,
    ).toEqual(settings);
    // What was no fault before would be one with the new platform.
    const refused = nylas.applications.redirectUris.update({
      redirectUriId: web.id,
      requestBody: { platform: 'js' },
    });
    await expect(refused).rejects.toMatchObject({ statusCode: 400 });

    expect((await nylas.applications.redirectUris.destroy({ redirectUriId: web.id })).requestId).toBeTruthy();
    await expect(nylas.applications.redirectUris.find({ redirectUriId: web.id })).rejects.toMatchObject({
      statusCode: 404,
    });
    await expect(nylas.applications.redirectUris.destroy({ redirectUriId: web.id })).rejects.toMatchObject({
      statusCode: 404,
    });
    expect((await nylas.applications.redirectUris.list()).data).toHaveLength(1);
    await nylas.applications.redirectUris.destroy({ redirectUriId: ios.id });
  });

  const android = { package_name: 'com.a', sha1_certificate_fingerprint: `${'AB:'.repeat(19)}CD` };
  it.each([
    [{ url: 'https://a.example/1', platform: 'js', settings: { origin: 'https://a.example' } }, ''],
    [{ url: 'http://127.0.0.1:8080/cb', platform: 'desktop' }, ''],
    [{ url: 'http://[::1]/cb', platform: 'web' }, ''],
    [{ url: 'my-app:/cb', platform: 'android', settings: android }, ''],
    [{ url: 'http://a.example/cb' }, 'url'],
    [{ url: 'http://localhost.a.example/cb' }, 'url'],
    [{ url: 'https://u@a.example/cb' }, 'url'],
    [{ url: 'https://a.example/cb#x' }, 'url'],
    [{ url: 'https://a.example/c b' }, 'url'],
    [{ url: 'https://ä.example/' }, 'url'],
    [{ url: '/cb' }, 'url'],
    [{ url: '' }, 'url'],
    [{ url: 'https://' }, 'url'],
    [{ url: `https://a.example/${'x'.repeat(2048)}` }, 'url'],
    [{ url: 'my-app:/cb', platform: 'web' }, 'url'],
    [{ url: 'javascript:alert(1)', platform: 'ios', settings: { bundle_id: 'a' } }, 'url'],
    [{ url: 'https://a.example/2', platform: 'tv' }, 'platform'],
    [{ url: 'https://a.example/2', platform: 'js' }, 'settings.origin'],
    [
      { url: 'https://a.example/2', platform: 'js', settings: { origin: 'https://a.example/x' } },
      'settings.origin',
    ],
    [{ url: 'https://a.example/2', platform: 'ios', settings: {} }, 'settings.bundle_id'],
    [{ url: 'https://a.example/2', platform: 'android', settings: { package_name: 'a' } }, 'settings.sha1'],
    [{ platform: 'web' }, 'url'],
    [[], 'body'],
  ])('keeps the rules of platforms: %j', async (body, field) => {
    const { status, message, answer } = await json('POST', '/v3/applications/redirect-uris', body);
    expect([status, message]).toEqual(field ? [400, expect.stringContaining(field)] : [201, '']);
    if (status === 201) {
      const again = await json('POST', '/v3/applications/callback-uris', body);
      expect([again.status, again.message]).toEqual([400, expect.stringContaining('registered already')]);
      const { status: gone } = await api.call(`/v3/applications/callback-uris/${answer.data.id}`, app.key, {
        method: 'DELETE',
      });
      expect(gone).toBe(200);
    }
  });

  it('are invisible to another application', async () => {
    const body = { url: 'https://mine.example/' };
    const { answer } = await json('POST', '/v3/applications/redirect-uris', body);
    const path = `/v3/applications/redirect-uris/${answer.data.id}`;
    expect((await api.call(path, other.key)).status).toBe(404);
    expect((await json('PATCH', path, { url: 'https://theirs.example/' }, other.key)).status).toBe(404);
    expect((await api.call(path, other.key, { method: 'DELETE' })).status).toBe(404);
    const listed = { callback_uris: [{ id: answer.data.id, ...body }] };
    expect((await json('PATCH', '/v3/applications', listed, other.key)).status).toBe(400);
    expect((await json('POST', '/v3/applications/redirect-uris', body, other.key)).status).toBe(201);
    expect((await api.call(path, app.key)).status).toBe(200);
  });

  it('are replaced as a list by PATCH of the application, and keep their ids', async () => {
    const own = await addApplication(api.database.db, 'list');
    const { applications } = api.sdk(own.key);
    const set = async (callbackUris: { id?: string; url: string }[]) =>
      (await applications.update({ requestBody: { callbackUris } })).data.callbackUris ?? [];
    const [a, b] = await set([{ url: 'https://a.example/' }, { url: 'https://b.example/' }]);
    // Two swap, a third comes, and what is not named goes.
    const next = await set([
      { id: a!.id, url: b!.url },
      { id: b!.id, url: a!.url },
      { url: 'https://c.example/' },
    ]);
    expect(Object.fromEntries(next.map((uri) => [uri.id, uri.url]))).toMatchObject({
      [a!.id]: b!.url,
      [b!.id]: a!.url,
    });
    const kept = await set([{ url: 'https://c.example/' }]);
    expect(kept.map((uri) => uri.id)).toEqual([next.find((uri) => uri.url === 'https://c.example/')?.id]);
    expect(await set([])).toEqual([]);
  });

  it('are at most 100, exactly, however many are created at once', async () => {
    const own = await addApplication(api.database.db, 'many');
    const path = '/v3/applications/redirect-uris';
    const listed = {
      callback_uris: Array.from({ length: 95 }, (_, i) => ({ url: `https://a.example/${i}` })),
    };
    expect((await json('PATCH', '/v3/applications', listed, own.key)).status).toBe(200);
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        json('POST', path, { url: `https://b.example/${i >> 1}` }, own.key),
      ),
    );
    // Each URL was sent twice: six are different, of which five have room.
    expect(made.filter(({ status }) => status === 201)).toHaveLength(5);
    expect(made.filter(({ status }) => status === 400)).toHaveLength(7);
  });
});
