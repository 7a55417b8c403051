/** A PostgreSQL that ends, or has no connection left: nothing that was answered is lost, and all recovers. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { ApiUser, type Call } from '../converge/api-user.ts';
import type { Checked } from '../support/checker/copy.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { Child } from '../support/child.ts';
import { engineSql } from '../support/engine-sql.ts';
import type { TestMailquay } from '../support/mailquay.ts';
import { RandomUser } from '../support/random-user.ts';
import { Cluster } from './cluster.ts';

/** `npm run storage` ends PostgreSQL 200 times (ST4). */
const CRASHES = Number(process.env.STORAGE_CRASHES ?? 3);
const STEPS_BETWEEN = 4;
const USER = 'storage@mailquay.example';
/** An answer that says to come again says when, in seconds (RS3). */
const MOST_RETRY_AFTER = 5;

describeWithTestbed('PostgreSQL', () => {
  let dovecot: Dovecot;
  let cluster: Cluster;
  let child: Child;
  let checked: Checked;
  let grantId: string;

  beforeEach(async () => {
    dovecot = await startDovecot();
    await fillMaildir(dovecot, USER, 'INBOX', 80, { seed: 3 });
    cluster = await Cluster.start();
    child = new Child(cluster.url);
    await child.ready();
    grantId = await child.connect({ ...dovecot.user(USER), port: dovecot.imapPort });
    const mailquay = {
      sql: <T>(statement: string, values?: unknown[]) => engineSql<T>(cluster.url, statement, values),
      get: (path: string) => child.call('GET', path),
    } as unknown as TestMailquay;
    checked = { mailquay, dovecot, user: USER, grantId };
    await expectInStep(checked, { ms: 60_000 });
  }, 120_000);
  afterEach(async () => {
    await child?.kill();
    await cluster?.stop();
    await dovecot?.stop();
  });

  /** Calls, and notes answers that neither serve nor say when to come again. */
  const watched =
    (bad: string[]): Call =>
    async (method, path, body) => {
      const answer = await child.call(method, path, body);
      if (answer.status >= 500 && !(answer.status === 503 && retryAfter(answer.headers) <= MOST_RETRY_AFTER))
        bad.push(`${method} ${path}: ${answer.status} ${answer.text}\n${child.said()}`);
      return answer.status >= 500 ? null : answer;
    };

  test(`ends at once ${CRASHES} times: what was answered is there, what came is told once (ST4)`, {
    timeout: 120_000 + CRASHES * 20_000,
  }, async () => {
    const since = await snapshot(checked);
    const bad: string[] = [];
    const person = new RandomUser(dovecot, USER, randomFrom(11));
    const api = new ApiUser(watched(bad), grantId, randomFrom(12));
    for (let n = 0; n < CRASHES; n += 1) {
      const acting = Promise.all([person.act(STEPS_BETWEEN), api.act(STEPS_BETWEEN)]);
      await sleep(300 + ((n * 137) % 900));
      await cluster.crash();
      await cluster.startAgain();
      await acting;
    }
    expect(child.running).toBe(true);
    expect(bad).toEqual([]);
    await expectInStep(checked, { since, ms: 120_000 });
  });

  test('has no connection left: 503 says when to come again, and all recovers (RS3)', {
    timeout: 120_000,
  }, async () => {
    const since = await snapshot(checked);
    const bad: string[] = [];
    const call = watched(bad);
    const superuser = await cluster.superuser();
    const held: pg.Client[] = [];
    try {
      for (;;) {
        const client = new pg.Client(cluster.url);
        client.on('error', () => {});
        try {
          await client.connect();
        } catch {
          break;
        }
        held.push(client);
      }
      await superuser.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mailquay'`,
      );
      // The places that became free are taken, too.
      for (let n = 0; n < 40; n += 1) {
        const client = new pg.Client(cluster.url);
        client.on('error', () => {});
        await client.connect().then(
          () => held.push(client),
          () => {},
        );
      }
      await dovecot.append(USER, 'INBOX', Buffer.from('Subject: meanwhile\r\n\r\nx\r\n'));
      let refused = 0;
      for (let n = 0; n < 10; n += 1) {
        if (!(await call('GET', `/v3/grants/${grantId}/messages?limit=5`))) refused += 1;
        await sleep(100);
      }
      expect(refused).toBeGreaterThan(0);
    } finally {
      await Promise.all([...held, superuser].map((client) => client.end().catch(() => {})));
    }
    expect(bad).toEqual([]);
    expect(child.running).toBe(true);
    await expectInStep(checked, { since, ms: 60_000 });
  });
});

function retryAfter(headers: Headers): number {
  return Number(headers.get('retry-after') ?? Number.NaN);
}
