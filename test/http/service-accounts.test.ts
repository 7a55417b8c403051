/** Requests that a service account signs, with the official SDK's signer. */
import { createSign, generateKeyPairSync } from 'node:crypto';
import type { ServiceAccountSigner as Signer } from 'nylas';
import * as sdk from 'nylas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccount, listServiceAccounts, revokeServiceAccount } from '../../src/cli/service-accounts.ts';
import type { ServiceAccountKey } from '../../src/connect/service-accounts.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { addApplication, type FixtureApplication } from '../support/fixture.ts';

const { ServiceAccountSigner } = sdk as unknown as { ServiceAccountSigner: typeof Signer };

let api: TestApi;
let app: FixtureApplication;
let other: FixtureApplication;
let key: ServiceAccountKey;
let signer: Signer;
let path: string;
const lines: string[] = [];
const command = () => ({ db: api.database.db, out: (line: string) => lines.push(line) });

async function newAccount(application: string, name?: string) {
  lines.length = 0;
  await createAccount({ app: application, name }, command());
  const made = JSON.parse(lines[1] ?? '') as ServiceAccountKey;
  return {
    key: made,
    signer: new ServiceAccountSigner({ privateKeyId: made.private_key_id, privateKeyPem: made.private_key }),
  };
}

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'Shop');
  other = await addApplication(api.database.db, 'Other');
  ({ key, signer } = await newAccount('Shop', 'terraform'));
  path = `/v3/admin/applications/${app.id}/api-keys`;
});
afterAll(() => api?.close());

interface Change {
  /** What is sent instead of what was signed. */
  method?: string;
  path?: string;
  body?: string;
  headers?: Record<string, string>;
  /** What is signed instead of now and a new nonce. */
  timestamp?: number;
  nonce?: string;
}

/** Signs as the SDK does, sends what it signed, but for what is changed on the way. */
async function call(
  method: string,
  signed: string,
  body?: Record<string, unknown>,
  change: Change = {},
  by = signer,
) {
  const { timestamp, nonce } = change;
  const { headers, serializedBody } = by.buildHeaders({ method, path: signed, body, timestamp, nonce });
  const sent = change.body ?? serializedBody;
  const response = await api.call(change.path ?? signed, null, {
    method: change.method ?? method,
    headers: { ...headers, ...(sent && { 'content-type': 'application/json' }), ...change.headers },
    body: sent,
  });
  const answer = (await response.json()) as { data: never; error: { type: string; message: string } };
  return { status: response.status, ...answer };
}

const works = async (value: string) => (await api.call('/v3/applications', value)).status === 200;

describe('API keys of an application', () => {
  it('are made, shown and ended', async () => {
    const made = await call('POST', path, { name: 'ci ✓', expires_in: 30 });
    expect(made.status).toBe(201);
    const { api_key: value, ...shown } = made.data as { api_key: string; id: string; expires_at: number };
    expect(shown).toMatchObject({ application_id: app.id, name: 'ci ✓', last4: value.slice(-4) });
    expect(shown.expires_at).toBeGreaterThan(Date.now() / 1000 + 29 * 86_400);
    expect(await works(value)).toBe(true);

    expect((await call('GET', path)).data).toContainEqual(shown);
    expect((await call('GET', `${path}/${shown.id}`)).data).toEqual(shown);
    expect((await call('DELETE', `${path}/${shown.id}`)).status).toBe(200);
    // At once, although the key has just been believed in.
    expect(await works(value)).toBe(false);
    expect((await call('GET', `${path}/${shown.id}`)).status).toBe(404);
    expect((await call('DELETE', `${path}/${shown.id}`)).status).toBe(404);
    expect((await call('GET', path)).data).not.toContainEqual(shown);
  });

  it('end by themselves, to the second', async () => {
    const { data } = await call('POST', path, { expires_in: 2 / 86_400 });
    const { api_key: value, expires_at } = data as { api_key: string; expires_at: number };
    expect(await works(value)).toBe(true);
    while (await works(value)) expect(Date.now() / 1000).toBeLessThan(expires_at + 1.2);
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ name: 'a\nb' }, 'name'],
    [{ expires_in: 0 }, 'expires_in'],
    [{ expires_in: -1 }, 'expires_in'],
    [{ expires_in: 1e9 }, 'expires_in'],
    [{ expires_in: '30' }, 'expires_in'],
  ])('are not made from %j', async (body, field) => {
    const before = (await call('GET', path)).data as unknown[];
    const refused = await call('POST', path, body);
    expect(refused).toMatchObject({ status: 400, error: { message: expect.stringContaining(field) } });
    expect((await call('GET', path)).data).toHaveLength(before.length);
  });

  it('of another application do not exist', async () => {
    const { signer: foreign } = await newAccount('Other');
    const { data } = await call('POST', path, { name: 'mine' });
    const { id, api_key: value } = data as { id: string; api_key: string };
    for (const [method, where] of [
      ['GET', path],
      ['POST', path],
      ['GET', `${path}/${id}`],
      ['DELETE', `${path}/${id}`],
      ['DELETE', `/v3/admin/applications/${other.id}/api-keys/${id}`],
      ['GET', '/v3/admin/applications/x/api-keys'],
    ] as const) {
      const { status } = await call(
        method,
        where,
        method === 'POST' ? { name: 'x' } : undefined,
        {},
        foreign,
      );
      expect([method, where, status]).toEqual([method, where, 404]);
    }
    expect(await works(value)).toBe(true);
  });
});

describe('a signature', () => {
  const now = () => Math.floor(Date.now() / 1000);
  const body = { name: 'x', expires_in: 1 };

  it.each<[string, string, Record<string, unknown> | undefined, () => Change]>([
    ['over another body', 'POST', body, () => ({ body: '{"expires_in":9,"name":"x"}' })],
    [
      'over a body that was written in another way',
      'POST',
      body,
      () => ({ body: '{"name":"x","expires_in":1}' }),
    ],
    ['over no body', 'POST', undefined, () => ({ body: '{"name":"x"}' })],
    ['over another path', 'GET', undefined, () => ({ path: `${path}/${app.id}` })],
    [
      'over the path of another application',
      'GET',
      undefined,
      () => ({ path: path.replace(app.id, other.id) }),
    ],
    [
      'over another spelling of the path',
      'GET',
      undefined,
      () => ({ path: path.replace('api-keys', 'api%2Dkeys') }),
    ],
    ['over another method', 'DELETE', undefined, () => ({ method: 'GET' })],
    [
      'with another time than was signed',
      'GET',
      undefined,
      () => ({ headers: { 'X-Nylas-Timestamp': `${now() - 1}` } }),
    ],
    [
      'with another nonce than was signed',
      'GET',
      undefined,
      () => ({ headers: { 'X-Nylas-Nonce': 'A'.repeat(20) } }),
    ],
    ['of an unknown account', 'GET', undefined, () => ({ headers: { 'X-Nylas-Kid': app.id } })],
    ['of no account', 'GET', undefined, () => ({ headers: { 'X-Nylas-Kid': "' OR true" } })],
    ['that is none', 'GET', undefined, () => ({ headers: { 'X-Nylas-Signature': 'x' } })],
    ['that is another', 'GET', undefined, () => ({ headers: { 'X-Nylas-Signature': 'A'.repeat(344) } })],
    ['that is not there', 'GET', undefined, () => ({ headers: { 'X-Nylas-Signature': '' } })],
    ['of six minutes ago', 'GET', undefined, () => ({ timestamp: now() - 360 })],
    ['of six minutes ahead', 'GET', undefined, () => ({ timestamp: now() + 360 })],
    ['in milliseconds', 'GET', undefined, () => ({ timestamp: Date.now() })],
    ['with too short a nonce', 'GET', undefined, () => ({ nonce: 'abc' })],
  ])('%s is refused', async (_what, method, signed, change) => {
    const refused = await call(method, path, signed, change());
    expect(refused).toMatchObject({ status: 401, error: { type: 'api.authentication_error' } });
  });

  it('counts within five minutes, and whatever the query says', async () => {
    expect((await call('GET', path, undefined, { timestamp: now() - 295 })).status).toBe(200);
    expect((await call('GET', path, undefined, { timestamp: now() + 295 })).status).toBe(200);
    expect((await call('GET', path, undefined, { path: `${path}?limit=1` })).status).toBe(200);
  });

  it('of a key that is not the account’s is refused, and an API key is not one', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const text = JSON.stringify({ method: 'get', nonce: 'N'.repeat(20), path, timestamp: now() });
    const forged = createSign('RSA-SHA256').update(text).sign(privateKey, 'base64');
    const headers = { 'X-Nylas-Signature': forged, 'X-Nylas-Nonce': 'N'.repeat(20) };
    expect((await call('GET', path, undefined, { headers })).status).toBe(401);
    expect((await api.call(path, app.key)).status).toBe(401);
    // Nor does a signature open what needs an API key.
    expect((await call('GET', '/v3/applications')).status).toBe(401);
  });

  it('counts once; a forged one does not use the nonce up', async () => {
    const nonce = 'abcdefghijklmnopqrst';
    const forged = { nonce, headers: { 'X-Nylas-Signature': 'A'.repeat(344) } };
    expect((await call('GET', path, undefined, forged)).status).toBe(401);
    expect((await call('GET', path, undefined, { nonce })).status).toBe(200);
    const replayed = await call('GET', path, undefined, { nonce });
    expect(replayed).toMatchObject({ status: 401, error: { message: expect.stringContaining('Nonce') } });
    // Each account has nonces of its own.
    const second = await newAccount('Shop');
    expect((await call('GET', path, undefined, { nonce }, second.signer)).status).toBe(200);
  });

  it('counts once among many at the same time', async () => {
    const nonce = 'race0race1race2race3';
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async () => (await call('GET', path, undefined, { nonce })).status),
    );
    expect(statuses.sort()).toEqual([200, ...Array.from({ length: 11 }, () => 401)]);
  });

  it('forgets nonces whose time is over', async () => {
    const count = async () =>
      (
        await api.database.db.engine((sql) =>
          sql.rows<{ n: number }>(
            'SELECT count(*) AS n FROM service_account_nonces WHERE service_account_id = $1',
            [key.private_key_id],
          ),
        )
      )[0]?.n;
    expect(await count()).toBeGreaterThan(1);
    await api.database.db.engine((sql) =>
      sql.run(`UPDATE service_account_nonces SET expires_at = now() - interval '1 second'`),
    );
    expect((await call('GET', path)).status).toBe(200);
    expect(await count()).toBe(1);
  });
});

describe('the commands', () => {
  it('show the private key once, and end an account at once', async () => {
    const made = await newAccount('Shop', 'short');
    expect(lines.join('\n')).toContain('not shown again');
    expect((await call('GET', path, undefined, {}, made.signer)).status).toBe(200);
    lines.length = 0;
    await listServiceAccounts({ app: 'Shop' }, command());
    const line = lines.find((each) => each.startsWith(made.key.private_key_id));
    expect(line).toMatch(/valid {2}short$/);
    expect(lines.join('\n')).not.toContain(made.key.private_key.slice(0, 40));
    await expect(
      revokeServiceAccount({ app: 'Other', id: made.key.private_key_id }, command()),
    ).rejects.toThrow('no valid service account');
    await revokeServiceAccount({ app: 'Shop', id: made.key.private_key_id }, command());
    expect((await call('GET', path, undefined, {}, made.signer)).status).toBe(401);
    await expect(createAccount({ app: 'Shop', name: 'a\nb' }, command())).rejects.toThrow('one line');
  });

  it('store no private key', async () => {
    const rows = await api.database.db.engine((sql) => sql.rows('SELECT * FROM service_accounts'));
    expect(JSON.stringify(rows)).toContain('BEGIN PUBLIC KEY');
    expect(JSON.stringify(rows)).not.toContain('PRIVATE');
  });
});
