/**
 * Two processes on one database: they share the grants, also when the second comes later; one is killed, and the other
 * has them all within 30 s, with nothing lost and nothing told twice. `npm run share` does it with 200 grants.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { Child } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { freshDatabase } from '../support/test-database.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const GRANTS = Number(process.env.SHARE_GRANTS ?? 12);
/** A killed process is replaced within this, in ms. */
const TAKEN_OVER_MS = 30_000;
/** Connected at the same time. */
const AT_ONCE = 4;

describeWithTestbed('two processes on one database', () => {
  let dovecot: Dovecot;
  let database: { url: string; drop: () => Promise<void> };
  let client: pg.Client;
  const children: Child[] = [];
  const users = Array.from({ length: GRANTS }, (_, n) => `shared${n}@mailquay.example`);

  beforeAll(async () => {
    [dovecot, database] = await Promise.all([startDovecot(), freshDatabase()]);
    client = new pg.Client(database.url);
    await client.connect();
  });
  afterAll(async () => {
    for (const child of children) if (child.running) await child.kill();
    await client?.end();
    await database?.drop();
    await dovecot?.stop();
  });

  const sql = async <T>(text: string, values: unknown[] = []) => {
    await client.query(
      `SELECT set_config('mailquay.application_id', '00000000-0000-0000-0000-000000000000', false)`,
    );
    return (await client.query(text, values)).rows as T[];
  };
  const start = async () => {
    const child = new Child(database.url);
    children.push(child);
    await child.ready();
    return child;
  };
  /** Grants that are held now, by owner. */
  const held = async () => {
    const rows = await sql<{ owner: string; n: string }>(
      'SELECT owner, count(*) AS n FROM leases WHERE expires_at > now() GROUP BY owner',
    );
    return rows.map(({ n }) => Number(n)).sort((a, b) => a - b);
  };
  const deliver = async (subject: string) => {
    for (const user of users)
      await dovecot.append(user, 'INBOX', Buffer.from(`Subject: ${subject}\r\n\r\n${user}\r\n`));
  };
  const toldOf = async (subject: string) => {
    const rows = await sql<{ grant_id: string; n: string }>(
      `SELECT e.grant_id, count(*) AS n FROM events e JOIN messages m ON m.grant_id = e.grant_id AND m.id = e.object_id
       WHERE e.type = 'message.created' AND m.subject = $1 GROUP BY 1`,
      [subject],
    );
    return rows.map(({ n }) => Number(n));
  };
  const once = Array.from({ length: GRANTS }, () => 1);

  test('share the grants, and each takes over from the other', async ({ annotate }) => {
    const first = await start();
    for (let n = 0; n < GRANTS; n += AT_ONCE) {
      await Promise.all(
        users.slice(n, n + AT_ONCE).map(async (user) => {
          const { username, password } = dovecot.user(user);
          const settings = {
            imap_username: username,
            imap_password: password,
            imap_host: '127.0.0.1',
            imap_port: dovecot.imapPort,
            imap_security: 'none',
          };
          const { status, text } = await first.call('POST', '/v3/connect/custom', {
            provider: 'imap',
            settings,
          });
          expect([status, text.slice(0, 300)]).toEqual([201, expect.any(String)]);
        }),
      );
    }
    const live = () => sql(`SELECT 1 FROM sync_states WHERE phase = 'live'`);
    await eventually(async () => expect(await live()).toHaveLength(GRANTS), 120_000);
    expect(await held()).toEqual([GRANTS]);
    const second = await start();
    await eventually(async () => expect(await held()).toEqual([GRANTS / 2, GRANTS / 2]), 60_000);
    await deliver('both');
    await eventually(async () => expect(await toldOf('both')).toEqual(once), 60_000);

    // Mail comes just before and just after the first one dies.
    await deliver('before');
    await first.kill();
    const killed = performance.now();
    await deliver('after');
    await eventually(async () => expect(await held()).toEqual([GRANTS]), TAKEN_OVER_MS);
    const owned = performance.now() - killed;
    await eventually(async () => expect(await toldOf('after')).toEqual(once), 60_000);
    await annotate(
      `${GRANTS} grants: all owned after ${Math.round(owned)} ms, all told of after ${Math.round(performance.now() - killed)} ms`,
    );
    expect(owned).toBeLessThan(TAKEN_OVER_MS);
    await eventually(async () => expect(await toldOf('before')).toEqual(once), 30_000);
    await sleep(1_000);
    for (const subject of ['both', 'before', 'after']) expect(await toldOf(subject)).toEqual(once);
    expect(second.running).toBe(true);
  });
});
