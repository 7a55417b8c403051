/** Two processes on one database: what one lets through, uses up or ends holds in the other. */
import { randomBytes } from 'node:crypto';
import type { ServiceAccountSigner as Signer } from 'nylas';
import * as sdk from 'nylas';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ServiceAccountKey } from '../../src/connect/service-accounts.ts';
import { CliHome } from '../support/cli.ts';
import { freshDatabase } from '../support/test-database.ts';

const { ServiceAccountSigner } = sdk as unknown as { ServiceAccountSigner: typeof Signer };

const APPLICATION_LIMIT = 20;
const apiKey = `test_${randomBytes(12).toString('hex')}`;
let homes: CliHome[] = [];
let database: Awaited<ReturnType<typeof freshDatabase>>;
let sql: pg.Client;
let origins: [string, string];
let account: ServiceAccountKey;
let signer: Signer;

beforeAll(async () => {
  database = await freshDatabase();
  homes = [await CliHome.make(), await CliHome.make()];
  const env = {
    DATABASE_URL: database.url,
    MAILQUAY_API_KEY: apiKey,
    MAILQUAY_MASTER_KEY: randomBytes(32).toString('hex'),
    MAILQUAY_APPLICATION_REQUESTS_PER_SECOND: String(APPLICATION_LIMIT),
  };
  origins = [await homes[0]!.spawn(['start'], env).ready(), await homes[1]!.spawn(['start'], env).ready()];
  sql = new pg.Client(database.url);
  await sql.connect();
  const { stdout } = await homes[0]!.run(['service-accounts', 'create', '--name', 'ci'], env);
  account = JSON.parse(stdout.split('\n')[1] ?? '') as ServiceAccountKey;
  signer = new ServiceAccountSigner({
    privateKeyId: account.private_key_id,
    privateKeyPem: account.private_key,
  });
}, 120_000);

afterAll(async () => {
  await sql?.end();
  await Promise.all(homes.map((home) => home.remove()));
  await database?.drop();
});

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

function signed(method: string, path: string, body?: Record<string, unknown>) {
  const { headers, serializedBody } = signer.buildHeaders({ method, path, body });
  return {
    method,
    headers: { ...headers, ...(serializedBody && { 'content-type': 'application/json' }) },
    body: serializedBody,
  };
}

it('a nonce counts once, whichever of them is asked first', async () => {
  const path = `/v3/admin/applications/${account.application_id}/api-keys`;
  for (let round = 0; round < 5; round++) {
    const request = signed('GET', path);
    const answers = await Promise.all(
      [...origins, ...origins, ...origins].map((origin) => fetch(origin + path, request)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401, 401]);
  }
});

it('a key that is deleted at one ends at the other', async () => {
  const path = `/v3/admin/applications/${account.application_id}/api-keys`;
  const made = await fetch(origins[0] + path, signed('POST', path, { name: 'short' }));
  const { data } = (await made.json()) as { data: { id: string; api_key: string } };
  const atOther = async () => (await fetch(`${origins[1]}/v3/grants`, bearer(data.api_key))).status;
  expect(await atOther()).toBe(200);
  const own = `${path}/${data.id}`;
  expect((await fetch(origins[0] + own, signed('DELETE', own))).status).toBe(200);
  const start = performance.now();
  while ((await atOther()) !== 401) expect(performance.now() - start).toBeLessThan(1_000);
});

it('both together let through what the limit allows', async () => {
  const call = async (origin: string) => (await fetch(`${origin}/v3/applications`, bearer(apiKey))).status;
  expect(await call(origins[0])).toBe(200);
  // A busy machine may not manage the rest within one second.
  await sql.query(
    `UPDATE rate_windows SET ends_at = now() + interval '5 seconds' WHERE bucket = 'applications'`,
  );
  const statuses = await Promise.all(
    Array.from({ length: 2 * APPLICATION_LIMIT }, (_, i) => call(origins[i % 2]!)),
  );
  expect(statuses).toContain(429);
  // What one of them has taken ahead of need, it has still to give.
  for (const origin of origins) {
    do statuses.push(await call(origin));
    while (statuses.at(-1) === 200);
  }
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect(statuses.filter((status) => status === 200)).toHaveLength(APPLICATION_LIMIT - 1);
});
