/**
 * SY18: the process that owns a grant stalls (SIGSTOP) in the middle of its work for longer than its lease lasts.
 * Another takes the grant, and what the first goes on to write when it wakes up (SIGCONT) is refused.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { besideChild, Child } from '../support/child.ts';
import { forgetLeases } from '../support/engine-sql.ts';
import { eventually } from '../support/eventually.ts';
import { freshDatabase } from '../support/test-database.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

/** Where it stalls, with mail in its hands. */
const MOMENTS: [moment: string, point: string][] = [
  ['before it opens a transaction', 'sync.before_apply'],
  ['in a transaction that has locked the lease', 'sync.before_commit'],
];
/** A process that stalls is replaced within this, in ms: its lease, what it has locked, and a look for free grants. */
const TAKEN_OVER_MS = 40_000;
/** What is late is written by then, in ms. */
const LATE_MS = 3_000;

describeWithTestbed('an owner that stalls past its lease', () => {
  let dovecot: Dovecot;
  beforeAll(async () => {
    dovecot = await startDovecot();
  });
  afterAll(() => dovecot?.stop());

  // Side by side, since most of the time a lease runs out.
  test.concurrent.for(process.env.LONG ? MOMENTS : MOMENTS.slice(1))(
    '%s: its late writes are refused',
    async ([, point], { expect, annotate }) => {
      const database = await freshDatabase();
      const children: Child[] = [];
      const start = async (fault?: string) => {
        const child = new Child(database.url, { fault });
        children.push(child);
        await child.ready();
        return child;
      };
      try {
        const user = `${point.replaceAll(/\W/g, '-')}@mailquay.example`;
        await fillMaildir(dovecot, user, 'INBOX', 60, { seed: 1, unread: 0.5 });
        await fillMaildir(dovecot, user, 'Archive', 20, { seed: 2 });
        let serving = await start();
        const grantId = await serving.connect({ ...dovecot.user(user), port: dovecot.imapPort });
        const mailquay = besideChild(database, () => serving);
        const checked: Checked = { mailquay, dovecot, user, grantId };
        await expectInStep(checked);
        const since = await snapshot(checked);
        const lease = async () => {
          const [row] = await mailquay.sql<{ owner: string; token: number; live: boolean }>(
            'SELECT owner, token, expires_at > now() AS live FROM leases WHERE grant_id = $1',
            [grantId],
          );
          return row;
        };
        // The one that will stall takes up a mailbox that is in step: what it meets first is new mail.
        await serving.kill();
        await forgetLeases(database.url);
        const stalling = await start(`${point}:stop`);
        await eventually(async () => expect((await lease())?.live).toBe(true));
        const before = await lease();
        serving = await start();

        const deliver = (subject: string) =>
          dovecot.append(user, 'INBOX', Buffer.from(`Subject: ${subject}\r\n\r\n${subject}\r\n`));
        await deliver('in its hands');
        await eventually(() => expect(stalling.fault).toBe(point));
        const stalled = performance.now();
        await deliver('while it stalls');
        await dovecot.doveadm('flags', 'add', '-u', user, '\\Flagged', 'mailbox', 'INBOX', 'uid', '1:9');
        await dovecot.doveadm('move', '-u', user, 'Archive', 'mailbox', 'INBOX', 'uid', '20:22');
        await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'Archive', 'uid', '3:5');
        await expectInStep(checked, { since, ms: TAKEN_OVER_MS });
        await annotate(`in step again ${Math.round(performance.now() - stalled)} ms after it stalled`);
        const after = await lease();
        expect(after?.owner).not.toBe(before?.owner);

        stalling.signal('SIGCONT');
        await deliver('when it is back');
        await sleep(LATE_MS);
        await expectInStep(checked, { since });
        expect(await lease()).toEqual(after);
        expect(await eventsOf(checked, 'message.created')).toHaveLength(3);
        expect(await eventsOf(checked, 'message.deleted')).toHaveLength(3);
        // Nine flagged, three moved.
        expect(await eventsOf(checked, 'message.updated')).toHaveLength(12);
        expect(stalling.running, stalling.said()).toBe(true);
        expect((await stalling.call('GET', `/v3/grants/${grantId}/messages?limit=5`)).status).toBe(200);
      } finally {
        await Promise.all(children.filter((child) => child.running).map((child) => child.kill()));
        await database.drop();
      }
    },
  );
});
