/** What clients notice of the limits (contract 1.6). How permits are counted: src/http/rate-limiter.test.ts. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { addApplication, addMailbox } from '../support/fixture.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi({
    rateLimits: { grantPerSecond: 5, applicationPerSecond: 3, detectionsPerMinute: 2 },
  });
});
afterAll(() => api?.close());

/** A machine may be too busy for a burst within one second: the windows that run go on for a while. */
const stretch = () =>
  api.database.db.engine((sql) => sql.run(`UPDATE rate_windows SET ends_at = now() + interval '5 seconds'`));

/** The first answer alone, which begins the window, then the others at once. */
async function burst(paths: string[], key: string): Promise<Response[]> {
  const [first = '', ...others] = paths;
  const begun = await api.call(first, key);
  await stretch();
  return [begun, ...(await Promise.all(others.map((path) => api.call(path, key))))];
}

const statuses = (responses: Response[]) => responses.map((response) => response.status).sort();

it('are counted for a grant by whichever name it is called, and for each grant alone', async () => {
  const app = await addApplication(api.database.db, 'names');
  const box = await addMailbox(api.database.db, app.id, 'me@example.com', [{ id: 'm' }]);
  const neighbour = await addMailbox(api.database.db, app.id, 'other@example.com', [{ id: 'm' }]);
  const names = [box.grantId, `grant:${box.grantId}`, 'ME@example.com', 'email:me@example.com'];
  const paths = ['messages', 'threads', 'messages/m'].flatMap((what) =>
    names.map((name) => `/v3/grants/${name}/${what}`),
  );
  const answers = await burst(paths, app.key);
  expect(statuses(answers)).toEqual([...Array(5).fill(200), ...Array(7).fill(429)]);
  expect((await api.call(`/v3/grants/${neighbour.grantId}/messages`, app.key)).status).toBe(200);

  const refused = answers.find(({ status }) => status === 429)!;
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await refused.json()).toMatchObject({
    request_id: refused.headers.get('x-request-id'),
    error: { type: 'api.rate_limit_error' },
  });
  // The SDK, as its users see it.
  const error = await api
    .sdk(app.key)
    .messages.list({ identifier: 'me@example.com' })
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ statusCode: 429, type: 'api.rate_limit_error' });
  expect((error as { headers: Record<string, string> }).headers['retry-after']).toMatch(/^[1-9]\d*$/);
});

it('are counted for an application and kind of resource, and not for its neighbours', async () => {
  const app = await addApplication(api.database.db, 'applications');
  const other = await addApplication(api.database.db, 'neighbour');
  const uris = '/v3/applications/redirect-uris';
  expect(statuses(await burst(['/v3/applications', uris, uris, uris, uris], app.key))).toEqual([
    ...Array(3).fill(200),
    ...Array(2).fill(429),
  ]);
  const box = await addMailbox(api.database.db, app.id, 'me@example.com', []);
  expect((await api.call(`/v3/grants/${box.grantId}/folders`, app.key)).status).toBe(200);
  expect((await api.call('/v3/applications', other.key)).status).toBe(200);
});

it('hold for what is no grant, too, and count nobody who is unknown', async () => {
  const app = await addApplication(api.database.db, 'nothing');
  const paths = Array.from({ length: 8 }, (_, i) => `/v3/grants/nobody${i}@example.com/messages`);
  expect(statuses(await burst(paths, 'mq_live_wrong'))).toEqual(Array(8).fill(401));
  expect(statuses(await burst(paths, app.key))).toEqual([...Array(5).fill(404), ...Array(3).fill(429)]);
});

it('let requests through again when the window has ended', async () => {
  const app = await addApplication(api.database.db, 'again');
  await burst(Array(5).fill('/v3/applications'), app.key);
  const start = Date.now();
  let status = 429;
  while (status === 429) status = (await api.call('/v3/applications', app.key)).status;
  expect(status).toBe(200);
  expect(Date.now() - start).toBeLessThan(30_000);
});

it('can be switched off', async () => {
  const free = await startApi({
    rateLimits: { grantPerSecond: 0, applicationPerSecond: 0, detectionsPerMinute: 0 },
  });
  try {
    const app = await addApplication(free.database.db, 'free');
    const answers = await Promise.all(
      Array.from({ length: 80 }, () => free.call('/v3/applications', app.key)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  } finally {
    await free.close();
  }
});
