import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ConnectContext } from '../../src/connect/context.ts';
import { grantRoutes } from '../../src/http/routes/grants.ts';
import { startApi, type TestApi } from '../support/api.ts';
import {
  addApplication,
  addMailbox,
  type FixtureApplication,
  type FixtureMailbox,
} from '../support/fixture.ts';

let api: TestApi;
let a: FixtureApplication;
let b: FixtureApplication;
let boxA: FixtureMailbox;
let boxB: FixtureMailbox;

const specs = (mark: string) => [
  {
    id: `message-${mark}`,
    threadId: `thread-${mark}`,
    subject: `secret of ${mark}`,
    attachments: [
      { filename: 'x.txt', contentType: 'text/plain', content: Buffer.from(mark), id: `attachment-${mark}` },
    ],
  },
];

beforeAll(async () => {
  api = await startApi({
    extraRoutes: (db) => {
      // Only what finds a grant is of interest here; none of it may get as far as the rest of the context.
      const connect = { db } as unknown as ConnectContext;
      return grantRoutes({ connect });
    },
  });
  a = await addApplication(api.database.db, 'a');
  b = await addApplication(api.database.db, 'b');
  boxA = await addMailbox(api.database.db, a.id, 'a@example.com', specs('a'), api.blobs);
  boxB = await addMailbox(api.database.db, b.id, 'b@example.com', specs('b'), api.blobs);
  for (const box of [boxA, boxB]) {
    await api.database.db.tenant(box.applicationId, (sql) =>
      sql.run(
        `INSERT INTO signatures (application_id, grant_id, id, name, body, created_at, updated_at)
         VALUES ($1, $2, $3, 'x', 'x', $4, $4)`,
        [box.applicationId, box.grantId, signatureOf(box), new Date()],
      ),
    );
  }
});

afterAll(() => api?.close());

const signatureOf = (box: FixtureMailbox) => box.grantId.replace(/^.{8}/, '00000000');

/** What each resource's `:id` stands for, and what its query must name. A route that is not here fails the test. */
function idsOf(box: FixtureMailbox, mark: string): Record<string, { id: string; query: string }> {
  return {
    messages: { id: `message-${mark}`, query: '' },
    threads: { id: `thread-${mark}`, query: '' },
    folders: { id: box.folders.inbox, query: '' },
    // The grant itself.
    '': { id: '', query: '' },
    attachments: { id: `attachment-${mark}`, query: `message_id=message-${mark}` },
    signatures: { id: signatureOf(box), query: '' },
  };
}

function fill(path: string, grantId: string, ids: Record<string, { id: string; query: string }>): string {
  const resource = path.split('/')[4] ?? '';
  if (!path.includes(':grant_id')) return path;
  const known = ids[resource];
  if (!known) throw new Error(`${path} is not covered by the isolation test`);
  return `${path.replace(':grant_id', grantId).replace(':id', known.id)}?${known.query}`;
}

/** A body that is as good as it has to be to get to the grant. */
const BODIES: Record<string, string> = {
  signatures: '{"name":"x","body":"x"}',
  clean: '{"message_id":["message-a"]}',
};
const bodyFor = (path: string) => BODIES[path.slice(path.lastIndexOf('/') + 1)] ?? '{}';

/** Status, headers that a caller could tell apart, and body, without what is different in each answer. */
async function seen(response: Response): Promise<string> {
  const headers = [...response.headers].filter(
    ([name]) => !['date', 'x-request-id', 'keep-alive'].includes(name),
  );
  const body = (await response.text()).replace(response.headers.get('x-request-id') ?? 'none', '');
  return JSON.stringify([response.status, headers, body]);
}

it("answers another application's ids byte for byte like ids that do not exist, on every route", async () => {
  const missing = {
    messages: { id: 'message-0', query: '' },
    threads: { id: 'thread-0', query: '' },
    folders: { id: 'f-0', query: '' },
    '': { id: '', query: '' },
    attachments: { id: 'attachment-0', query: 'message_id=message-0' },
    signatures: { id: '00000000-0000-4000-8000-000000000000', query: '' },
  };
  const noGrant = '00000000-0000-4000-8000-000000000000';
  const ofGrants = api.routes.filter((route) => route.path.includes(':grant_id'));
  expect(ofGrants.length).toBeGreaterThanOrEqual(11);
  for (const route of ofGrants) {
    const call = (grant: string, ids: Record<string, { id: string; query: string }>, key: string) =>
      api.call(fill(route.path, grant, ids), key, {
        method: route.method,
        ...(route.body ? { body: bodyFor(route.path), headers: { 'content-type': 'application/json' } } : {}),
      });
    // The owner gets it: otherwise the rest proves nothing.
    if (route.method === 'GET') expect((await call(boxA.grantId, idsOf(boxA, 'a'), a.key)).status).toBe(200);
    const nothing = await seen(await call(noGrant, missing, b.key));
    expect(nothing).toContain('404');
    const identifiers = [
      boxA.grantId,
      `grant:${boxA.grantId}`,
      'a@example.com',
      'email:a@example.com',
      'external:x',
    ];
    for (const identifier of identifiers) {
      expect(await seen(await call(identifier, idsOf(boxA, 'a'), b.key))).toBe(nothing);
    }
    if (route.path.includes(':id')) {
      // An own grant with a foreign id, MT2.
      expect(await seen(await call(boxB.grantId, idsOf(boxA, 'a'), b.key))).toBe(nothing);
      expect(await seen(await call(boxB.grantId, missing, b.key))).toBe(nothing);
    }
  }
});

it('refuses every route that is not public without a key, with a wrong one and with "me"', async () => {
  for (const route of api.routes.filter((r) => r.access !== 'public' && r.method === 'GET')) {
    const path = fill(route.path, boxA.grantId, idsOf(boxA, 'a'));
    for (const key of [null, 'mq_live_wrong', `${a.key}x`]) {
      const response = await api.call(path, key, { method: route.method });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: { type: 'api.authentication_error' } });
    }
    if (route.access !== 'grant') continue;
    const me = await api.call(fill(route.path, 'me', idsOf(boxA, 'a')), a.key, { method: route.method });
    expect(me.status).toBe(400);
  }
});

it('binds a cursor to application, grant, resource and filters', async () => {
  const many = Array.from({ length: 5 }, (_, i) => ({ id: `m${i}`, threadId: `t${i}`, unread: true }));
  const box = await addMailbox(api.database.db, a.id, 'many@example.com', many);
  const other = await addMailbox(api.database.db, a.id, 'other@example.com', many);
  const foreign = await addMailbox(api.database.db, b.id, 'many@example.com', many);
  const first = await api.call(`/v3/grants/${box.grantId}/messages?limit=2`, a.key);
  const token = ((await first.json()) as { next_cursor: string }).next_cursor;
  const status = async (path: string, key = a.key) => (await api.call(path, key)).status;
  expect(await status(`/v3/grants/${box.grantId}/messages?limit=3&select=id&page_token=${token}`)).toBe(200);
  const refused: [string, string?][] = [
    [`/v3/grants/${foreign.grantId}/messages?page_token=${token}`, b.key],
    [`/v3/grants/${other.grantId}/messages?page_token=${token}`],
    [`/v3/grants/${box.grantId}/threads?page_token=${token}`],
    [`/v3/grants/${box.grantId}/folders?page_token=${token}`],
    [`/v3/grants/${box.grantId}/messages?unread=true&page_token=${token}`],
    [`/v3/grants/${box.grantId}/messages?page_token=${token}A`],
    [`/v3/grants/${box.grantId}/messages?page_token=${token.slice(0, -2)}AA`],
    [`/v3/grants/${box.grantId}/messages?page_token=%00`],
    [`/v3/grants/${box.grantId}/messages?page_token=x`],
    [`/v3/grants/${box.grantId}/messages?page_token=${token.toUpperCase()}`],
  ];
  for (const [path, key] of refused) {
    const response = await api.call(path, key ?? a.key);
    expect([path, response.status]).toEqual([path, 400]);
    expect(await response.text()).toContain('page_token');
  }
});

it('ends a revoked key within seconds, and hides a grant that is being deleted', async () => {
  const app = await addApplication(api.database.db, 'short');
  const box = await addMailbox(api.database.db, app.id, 'short@example.com', [{ id: 'm' }]);
  const path = `/v3/grants/${box.grantId}/messages/m`;
  expect((await api.call(path, app.key)).status).toBe(200);
  await api.database.db.tenant(app.id, (sql) =>
    sql.run(`UPDATE grants SET status = 'invalid' WHERE application_id = $1`, [app.id]),
  );
  const expired = await api.call(path, app.key);
  expect(expired.status).toBe(401);
  expect(await expired.text()).toContain('"grant.expired"');
  await api.database.db.tenant(app.id, (sql) =>
    sql.run(`UPDATE grants SET deleted_at = now() WHERE application_id = $1`, [app.id]),
  );
  expect((await api.call(path, app.key)).status).toBe(404);
  await api.database.db.engine((sql) =>
    sql.run('UPDATE api_keys SET revoked_at = now() WHERE application_id = $1', [app.id]),
  );
  const start = Date.now();
  while ((await api.call(path, app.key)).status !== 401) expect(Date.now() - start).toBeLessThan(5000);
});
