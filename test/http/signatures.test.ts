/** Signatures of a grant. The SDK has no resource for them (8.4.0), so these are requests as the contract has them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Signature } from '../../src/model/signature.ts';
import { eraseBatch, finishErasure } from '../../src/store/erasures.ts';
import { softDeleteGrant } from '../../src/store/grants.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { addApplication, addMailbox, type FixtureApplication } from '../support/fixture.ts';

let api: TestApi;
let app: FixtureApplication;
let other: FixtureApplication;

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'one');
  other = await addApplication(api.database.db, 'two');
});
afterAll(() => api?.close());

let grants = 0;
/** A grant of its own, and calls below its signatures. */
async function newGrant(owner = app) {
  const { grantId } = await addMailbox(api.database.db, owner.id, `g${grants++}@example.com`, []);
  const call = async (method: string, below = '', body?: unknown, key = owner.key) => {
    const response = await api.call(`/v3/grants/${grantId}/signatures${below}`, key, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const answer = (await response.json()) as {
      data: Signature & Signature[];
      next_cursor?: string;
      error?: { message: string };
    };
    return { status: response.status, message: answer.error?.message ?? '', ...answer };
  };
  return { grantId, call };
}

describe('signatures', () => {
  it('are created safe, found, changed and removed', async () => {
    const { grantId, call } = await newGrant();
    const made = await call('POST', '', {
      name: ' Work ',
      body: '<p onclick="x()">Ada</p><script>alert(1)</script><img src="https://x.example/a.png">',
    });
    expect(made.status).toBe(201);
    const { id } = made.data;
    expect(made.data).toEqual({
      id,
      object: 'signature',
      grant_id: grantId,
      name: 'Work',
      body: '<p>Ada</p><img src="https://x.example/a.png" />',
      created_at: made.data.created_at,
      updated_at: made.data.created_at,
    });
    expect(Compile(Signature).Errors(made.data)).toEqual([]);
    expect(Math.abs(made.data.created_at - Date.now() / 1000)).toBeLessThan(60);
    expect((await call('GET', `/${id}`)).data).toEqual(made.data);
    expect((await call('GET', `/${id}?select=name`)).data).toEqual({ name: 'Work' });

    await sleep(1_100);
    const renamed = await call('PUT', `/${id}`, { name: 'Home' });
    expect(renamed.data).toMatchObject({
      name: 'Home',
      body: made.data.body,
      created_at: made.data.created_at,
    });
    expect(renamed.data.updated_at).toBeGreaterThan(made.data.updated_at);
    const rewritten = await call('PUT', `/${id.toUpperCase()}`, { body: '<b>x</b><style>p{}</style>' });
    expect(rewritten.data).toMatchObject({ name: 'Home', body: '<b>x</b>' });
    expect((await call('PUT', `/${id}`, {})).data).toEqual(rewritten.data);

    const gone = await call('DELETE', `/${id}`);
    expect(gone).toMatchObject({ status: 200, request_id: expect.any(String) });
    for (const method of ['GET', 'DELETE']) expect((await call(method, `/${id}`)).status).toBe(404);
    expect((await call('PUT', `/${id}`, { name: 'x' })).status).toBe(404);
    for (const id of ['x', '%00', '00000000-0000-4000-8000-000000000000']) {
      expect((await call('GET', `/${id}`)).status).toBe(404);
    }
  });

  it.each([
    [{ body: 'x' }, 'name'],
    [{ name: 'x' }, 'body'],
    [{ name: '', body: 'x' }, 'name'],
    [{ name: '  ', body: 'x' }, 'name'],
    [{ name: 'a\nb', body: 'x' }, 'name'],
    [{ name: 'x'.repeat(256), body: 'x' }, 'name'],
    [{ name: 5, body: 'x' }, 'name'],
    [{ name: 'x', body: '' }, 'body'],
    [{ name: 'x', body: ['x'] }, 'body'],
    [{ name: 'x', body: '<script>alert(1)</script>' }, 'body'],
    [{ name: 'x', body: 'x'.repeat(100 * 1024 + 1) }, 'body'],
    [{ name: 'x', body: 'é'.repeat(51 * 1024) }, 'body'],
    [{ name: 'x', body: '&'.repeat(30 * 1024) }, 'body'],
  ])('are not made from %j', async (body, field) => {
    const { call } = await newGrant();
    const { status, message } = await call('POST', '', body);
    expect([status, message]).toEqual([400, expect.stringMatching(new RegExp(`^${field}: `))]);
    expect((await call('GET')).data).toEqual([]);
  });

  it('of 100 KB are kept', async () => {
    const { call } = await newGrant();
    const made = await call('POST', '', { name: 'x', body: 'x'.repeat(100 * 1024) });
    expect(made.status).toBe(201);
    expect(made.data.body).toHaveLength(100 * 1024);
  });

  it('are at most ten of a grant, exactly, however many come at once', async () => {
    const { call } = await newGrant();
    const made = await Promise.all(
      Array.from({ length: 25 }, (_, i) => call('POST', '', { name: `s${i}`, body: 'x' })),
    );
    expect(made.filter(({ status }) => status === 201)).toHaveLength(10);
    expect(made.filter(({ status }) => status === 400)).toHaveLength(15);
    const { data } = await call('GET');
    expect(data).toHaveLength(10);
    await call('DELETE', `/${data[0]?.id}`);
    expect((await call('POST', '', { name: 'again', body: 'x' })).status).toBe(201);
  });

  it('are listed in pages, oldest first', async () => {
    const { call } = await newGrant();
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push((await call('POST', '', { name: `s${i}`, body: 'x' })).data.id);
    const seen: string[] = [];
    let page = await call('GET', '?limit=3');
    for (;;) {
      seen.push(...page.data.map(({ id }) => id));
      if (!page.next_cursor) break;
      page = await call('GET', `?limit=3&page_token=${page.next_cursor}`);
    }
    expect(seen).toEqual(ids);
    const { call: elsewhere } = await newGrant();
    const { next_cursor } = await call('GET', '?limit=3');
    expect((await elsewhere('GET', `?page_token=${next_cursor}`)).status).toBe(400);
  });

  it('of another grant or application do not exist', async () => {
    const { call } = await newGrant();
    const { call: neighbour } = await newGrant();
    const { call: foreign } = await newGrant(other);
    const { id } = (await call('POST', '', { name: 'mine', body: 'x' })).data;
    for (const elsewhere of [neighbour, foreign]) {
      expect((await elsewhere('GET')).data).toEqual([]);
      expect((await elsewhere('GET', `/${id}`)).status).toBe(404);
      expect((await elsewhere('PUT', `/${id}`, { name: 'theirs' })).status).toBe(404);
      expect((await elsewhere('DELETE', `/${id}`)).status).toBe(404);
    }
    expect((await call('POST', '', { name: 'x', body: 'x' }, other.key)).status).toBe(404);
    expect((await call('GET', `/${id}`)).data.name).toBe('mine');
  });

  it('go with their grant', async () => {
    const { grantId, call } = await newGrant();
    await call('POST', '', { name: 'x', body: 'x' });
    const { db } = api.database;
    await db.tenant(app.id, (sql) => softDeleteGrant(sql, app.id, grantId));
    expect((await call('GET')).status).toBe(404);
    expect((await call('POST', '', { name: 'x', body: 'x' })).status).toBe(404);
    while (await db.engine((sql) => eraseBatch(sql, grantId)));
    await db.engine((sql) => finishErasure(sql, grantId));
    const left = await db.engine((sql) =>
      sql.rows('SELECT id FROM signatures WHERE grant_id = $1', [grantId]),
    );
    expect(left).toEqual([]);
  });
});
