/** A PostgreSQL that ends, or has no connection left: nothing that was answered is lost, and all recovers. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { ApiUser } from '../converge/api-user.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { Child } from '../support/child.ts';
import { RandomUser } from '../support/random-user.ts';
import { Cluster } from './cluster.ts';
import { type Scene, startScene, USER } from './scene.ts';

/** `npm run storage` ends PostgreSQL 200 times (ST4). */
const CRASHES = Number(process.env.STORAGE_CRASHES ?? 3);
const STEPS_BETWEEN = 4;

describeWithTestbed('PostgreSQL', () => {
  let cluster: Cluster;
  let scene: Scene;

  beforeEach(async () => {
    cluster = await Cluster.start();
    scene = await startScene(new Child(cluster.url), cluster);
  }, 120_000);
  afterEach(async () => {
    await scene?.stop();
    await cluster?.stop();
  });

  test(`ends at once ${CRASHES} times: what was answered is there, what came is told once (ST4)`, {
    timeout: 120_000 + CRASHES * 20_000,
  }, async () => {
    const { checked, child, bad, call } = scene;
    const since = await snapshot(checked);
    const person = new RandomUser(scene.dovecot, USER, randomFrom(11));
    const api = new ApiUser(call, scene.grantId, randomFrom(12));
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
    const { checked, child, bad, call, grantId } = scene;
    const since = await snapshot(checked);
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
      await scene.dovecot.append(USER, 'INBOX', Buffer.from('Subject: meanwhile\r\n\r\nx\r\n'));
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
