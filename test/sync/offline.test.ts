/** SY6, SY7, SY10: what happened while nobody looked is found, with whatever the server can; and so after it broke. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { capabilitiesWithout, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { eventually, startMailquay, type TestMailquay } from '../support/mailquay.ts';

const SERVERS: [name: string, capabilities: string | undefined][] = [
  ['CONDSTORE and QRESYNC', undefined],
  ['CONDSTORE alone', capabilitiesWithout('QRESYNC')],
  ['neither', capabilitiesWithout('CONDSTORE', 'QRESYNC')],
];

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('offline', () => {
  let mailquay: TestMailquay;
  beforeAll(async () => {
    mailquay = await startMailquay();
  });
  afterAll(() => mailquay?.stop());

  const connected = async (user: string, capabilities?: string) => {
    const dovecot = await startDovecot({ capabilities });
    await fillMaildir(dovecot, user, 'INBOX', 300, { seed: 1, unread: 0.5 });
    await fillMaildir(dovecot, user, 'Archive', 100, { seed: 2, unread: 0.5 });
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    await mailquay.synced(grantId);
    const checked: Checked = { mailquay, dovecot, user, grantId };
    await expectInStep(checked);
    return checked;
  };

  test.for(SERVERS)('flags and deletions made meanwhile, with %s', async ([, capabilities]) => {
    const checked = await connected(
      `offline${SERVERS.findIndex((s) => s[1] === capabilities)}@mailquay.example`,
      capabilities,
    );
    const { dovecot, user } = checked;
    try {
      const since = await snapshot(checked);
      await mailquay.restart(async () => {
        // The sums stay as they are: as many become unread as are read.
        const inbox = ['-u', user, 'mailbox', 'INBOX'];
        await dovecot.doveadm(
          'flags',
          'add',
          '-u',
          user,
          '\\Seen',
          ...inbox.slice(2),
          'uid',
          '1:20',
          'unseen',
        );
        await dovecot.doveadm('flags', 'remove', '-u', user, '\\Seen', ...inbox.slice(2), 'uid', '200:210');
        await dovecot.doveadm('flags', 'add', '-u', user, '\\Flagged todo', 'mailbox', 'Archive', 'uid', '7');
        await dovecot.doveadm('expunge', ...inbox, 'uid', '50:59,299');
        await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'Archive', 'uid', '1');
        // As many come as go.
        await dovecot.append(user, 'Archive', Buffer.from('Subject: instead\r\n\r\nx\r\n'));
      });
      await expectInStep(checked, { since });
      expect(await eventsOf(checked, 'message.deleted')).toHaveLength(12);
      expect(await eventsOf(checked, 'message.created')).toHaveLength(1);
      // And once more while it runs.
      await dovecot.doveadm(
        'flags',
        'remove',
        '-u',
        user,
        '\\Flagged todo',
        'mailbox',
        'Archive',
        'uid',
        '7',
      );
      await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'Archive', 'uid', '10:12');
      await expectInStep(checked, { since });
    } finally {
      await mailquay.call('DELETE', `/v3/grants/${checked.grantId}`);
      await dovecot.stop();
    }
  });

  test('connections that are cut, and a server that goes away for a while', async () => {
    const checked = await connected('cut@mailquay.example');
    const { dovecot, user, grantId } = checked;
    try {
      const since = await snapshot(checked);
      for (let i = 0; i < 3; i += 1) {
        await dovecot.kick(user);
        await dovecot.append(
          user,
          i === 1 ? 'Archive' : 'INBOX',
          Buffer.from(`Subject: after kick ${i}\r\n\r\nx\r\n`),
        );
      }
      await expectInStep(checked, { since });
      await dovecot.halt();
      await eventually(async () => {
        const [lease] = await mailquay.sql<{ failures: number }>(
          'SELECT failures FROM leases WHERE grant_id = $1',
          [grantId],
        );
        expect(lease?.failures).toBeGreaterThan(2);
      }, 60_000);
      // What is stored stays readable, and a server that is away says nothing about the password.
      const { body } = await mailquay.get<{ data: unknown[] }>(`/v3/grants/${grantId}/messages?limit=10`);
      expect(body.data).toHaveLength(10);
      expect(
        (await mailquay.get<{ data: { grant_status: string } }>(`/v3/grants/${grantId}`)).body.data
          .grant_status,
      ).toBe('valid');
      await dovecot.start();
      await dovecot.append(user, 'INBOX', Buffer.from('Subject: back again\r\n\r\nx\r\n'));
      await expectInStep(checked, { since, ms: 90_000 });
      expect(await eventsOf(checked, 'message.created')).toHaveLength(4);
      expect(await eventsOf(checked, 'grant.expired')).toEqual([]);
      // A sync that succeeded starts the back-off over.
      await eventually(async () => {
        const [lease] = await mailquay.sql<{ failures: number }>(
          'SELECT failures FROM leases WHERE grant_id = $1',
          [grantId],
        );
        expect(lease?.failures).toBe(0);
      });
    } finally {
      await dovecot.stop();
    }
  });
});
