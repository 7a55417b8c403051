/** What the official SDK can call is a route, or is refused with words that say so. */
import { NylasApiError, NylasOAuthError } from 'nylas';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { notYetAmong } from '../../src/http/not-yet.ts';
import { startApi, type TestApi } from '../support/api.ts';
import {
  addApplication,
  addMailbox,
  type FixtureApplication,
  type FixtureMailbox,
} from '../support/fixture.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { sdkCalls, shapeOf } from '../support/sdk-calls.ts';

let api: TestApi;
let app: FixtureApplication;
let box: FixtureMailbox;
let mailquay: TestMailquay;

beforeAll(async () => {
  [api, mailquay] = await Promise.all([startApi(), startMailquay()]);
  app = await addApplication(api.database.db, 'one');
  box = await addMailbox(api.database.db, app.id, 'me@example.com', []);
});

afterAll(async () => {
  await Promise.all([api?.close(), mailquay?.stop()]);
});

it('has a route or a refusal for every method of the SDK', async () => {
  const calls = await sdkCalls();
  expect(calls.length).toBeGreaterThanOrEqual(144);
  const { paths } = (await mailquay.get<{ paths: Record<string, Record<string, unknown>> }>('/openapi.json'))
    .body;
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${shapeOf(path)}`),
  );
  const refused = notYetAmong([]).map(({ method, path }) => `${method} ${shapeOf(path)}`);
  const known = new Set([...routes, ...refused]);
  const unknown = calls.flatMap(({ name, requests }) =>
    requests
      .map(({ method, shape }) => `${method} ${shape}`)
      .filter((request) => !known.has(request))
      .map((request) => `${name}: ${request}`),
  );
  expect(unknown).toEqual([]);
  // And nothing is made up: the SDK's CLI sends PATCH where the SDK sends PUT.
  const called = new Set(calls.flatMap(({ requests }) => requests.map((r) => `${r.method} ${r.shape}`)));
  expect(refused.filter((request) => !called.has(request))).toEqual(['PATCH /v3/connectors/:']);
});

it('answers each of them in the shape that the SDK reads, after the key and the grant', async () => {
  const left = notYetAmong(api.routes);
  expect(left.length).toBeGreaterThan(20);
  for (const { method, path, message, access } of left) {
    const fill = (grant: string) => path.replace(':grant_id', grant).replace(/:[a-z_]+/g, 'x');
    const call = async (key: string | null, grant = box.grantId) => {
      const response = await api.call(fill(grant), key, { method });
      expect(response.headers.get('x-request-id')).toBeTruthy();
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const at = `${method} ${path}`;
    const { status, body } = await call(app.key);
    expect([at, status]).toEqual([at, 501]);
    expect(message).toMatch(/^[A-Z].* not in this version of mailquay yet\.$/);
    if (typeof body.error === 'string') {
      expect(body).toMatchObject({ error: 'not_implemented', error_description: message, error_code: 501 });
    } else {
      expect(body.error).toEqual({ type: 'api.not_implemented', message });
    }
    if (access === 'public') continue;
    expect([at, (await call(null)).status]).toEqual([at, 401]);
    if (access === 'grant') {
      expect([at, (await call(app.key, 'other@example.com')).status]).toEqual([at, 404]);
    }
  }
});

it('tells the SDK, also of a mail that is larger than any JSON', async () => {
  const nylas = api.sdk(app.key);
  const identifier = box.grantId;
  const to = [{ email: 'ada@example.org' }];
  const refusal = async (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  const small = await refusal(nylas.messages.send({ identifier, requestBody: { to, subject: 'Hello' } }));
  expect(small).toBeInstanceOf(NylasApiError);
  expect(small).toMatchObject({
    statusCode: 501,
    type: 'api.not_implemented',
    message: 'Sending is not in this version of mailquay yet.',
  });
  const attachments = [
    {
      filename: 'a.bin',
      contentType: 'application/octet-stream',
      size: 8e6,
      content: Buffer.alloc(8_000_000),
    },
  ];
  const large = await refusal(
    nylas.messages.send({ identifier, requestBody: { to, subject: 'Hello', attachments } }),
  );
  expect(large).toMatchObject({ statusCode: 501, type: 'api.not_implemented' });
  const token = await refusal(
    nylas.auth.exchangeCodeForToken({ clientId: 'x', code: 'y', redirectUri: 'https://app.example' }),
  );
  expect(token).toBeInstanceOf(NylasOAuthError);
  expect(token).toMatchObject({ statusCode: 501, errorCode: 501, error: 'not_implemented' });
  // The connection is still good.
  expect((await nylas.folders.list({ identifier })).data).toHaveLength(4);
});

it('is not in the description', async () => {
  const { paths } = (await (await api.call('/openapi.json')).json()) as { paths: Record<string, object> };
  for (const { method, path } of notYetAmong(api.routes)) {
    const described = paths[path.replace(/:([a-z_]+)/g, '{$1}')] ?? {};
    expect([method, path, Object.keys(described)]).not.toEqual([
      method,
      path,
      expect.arrayContaining([method.toLowerCase()]),
    ]);
  }
});
