/** The password is changed at the server: the grant becomes invalid, once, and a new authentication brings it back. */
import { expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { eventually, type TestMailquay } from '../support/mailquay.ts';
import { startedForTests } from '../support/started.ts';

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('login', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  test('refused later makes the grant invalid with one grant.expired, until it is authenticated again', async () => {
    const user = 'ada@mailquay.example';
    await fillMaildir(dovecot, user, 'INBOX', 60, { seed: 1 });
    const login = { ...dovecot.user(user), port: dovecot.imapPort };
    const grantId = await mailquay.connect(login);
    await mailquay.synced(grantId);
    const checked: Checked = { mailquay, dovecot, user, grantId };
    await expectInStep(checked);
    const since = await snapshot(checked);
    const status = async () =>
      (await mailquay.get<{ data: { grant_status: string } }>(`/v3/grants/${grantId}`)).body.data
        .grant_status;

    dovecot.user(user, 'another password');
    await dovecot.kick(user);
    await eventually(async () => expect(await status()).toBe('invalid'), 60_000);
    expect(await eventsOf(checked, 'grant.expired')).toHaveLength(1);
    const refused = await mailquay.call('GET', `/v3/grants/${grantId}/messages?limit=10`);
    expect([refused.status, refused.body.error?.type]).toEqual([401, 'grant.expired']);

    await dovecot.append(user, 'INBOX', Buffer.from('Subject: meanwhile\r\n\r\nx\r\n'));
    expect(await mailquay.connect({ ...login, password: 'another password' })).toBe(grantId);
    await eventually(async () => expect(await status()).toBe('valid'));
    await expectInStep(checked, { since });
    expect(await eventsOf(checked, 'grant.expired')).toHaveLength(1);
    expect(await eventsOf(checked, 'message.created')).toHaveLength(1);
  });
});
