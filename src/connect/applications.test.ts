import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../../test/support/test-database.ts';
import { createKey, listApiKeys, revokeApiKey } from '../cli/api-keys.ts';
import { createApp, listApps } from '../cli/apps.ts';
import { findValidApiKey } from '../store/api-keys.ts';
import { createApiKey, revokeKey } from './api-keys.ts';
import { createApplication, listAll } from './applications.ts';
import { ensureFirstApplication } from './first-application.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await openTestDatabase();
});
afterAll(() => test?.close());

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
    await expect(
      revokeKey(test.db, (await createApplication(test.db, 'other')).application.id, key.id),
    ).rejects.toThrow('no valid API key');
  });
});

describe('the commands', () => {
  it('show a key once, and only its end later', async () => {
    const lines: string[] = [];
    const parts = { db: test.db, out: (line: string) => lines.push(line) };
    await createApp({ name: 'Shop' }, parts);
    const first = lines.find((line) => line.startsWith('mq_live_'))!;
    await createKey({ app: 'Shop', name: 'ci' }, parts);
    lines.length = 0;
    await listApps(parts);
    expect(lines.join('\n')).toMatch(/[0-9a-f-]{36} {2}Shop/);
    lines.length = 0;
    await listApiKeys({ app: 'Shop' }, parts);
    expect(lines).toHaveLength(2);
    expect(lines.join('\n')).toContain(`…${first.slice(-4)}`);
    expect(lines.join('\n')).not.toContain(first);
    const id = lines.find((line) => line.endsWith('ci'))!.slice(0, 36);
    await revokeApiKey({ app: 'Shop', id }, parts);
    lines.length = 0;
    await listApiKeys({ app: 'Shop' }, parts);
    expect(lines.find((line) => line.startsWith(id))).toContain('revoked');
    await expect(revokeApiKey({ app: 'Shop', id }, parts)).rejects.toThrow('no valid API key');
    await expect(createKey({ app: 'Nobody' }, parts)).rejects.toThrow('There is no application "Nobody"');
    await expect(createApp({ name: 'a\nb' }, parts)).rejects.toThrow('one line');
  });
});
