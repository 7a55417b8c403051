/** SY12: a message that is moved between folders stays the same message: one message.updated, nothing created or deleted. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { bareClient } from '../support/bare-client.ts';
import type { Snapshot } from '../support/checker/compare.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('moves', () => {
  const user = 'ada@mailquay.example';
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let checked: Checked;
  let since: Snapshot;

  beforeAll(async () => {
    [mailquay, dovecot] = await Promise.all([startMailquay(), startDovecot()]);
    await fillMaildir(dovecot, user, 'INBOX', 500, { seed: 11 });
    await fillMaildir(dovecot, user, 'Archive', 450, { seed: 12 });
    await fillMaildir(dovecot, user, 'Work', 100, { seed: 13 });
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    checked = { mailquay, dovecot, user, grantId };
    await mailquay.synced(grantId);
  });
  beforeEach(async () => {
    await expectInStep(checked);
    since = await snapshot(checked);
  });
  afterAll(async () => {
    await mailquay?.stop();
    await dovecot?.stop();
  });

  /** Events of messages since the test began. */
  const events = async () => (await eventsOf(checked, 'message.%')).slice(since.events);
  const idAt = async (folder: string, uid: number) => {
    const rows = await mailquay.sql<{ id: string }>(
      `SELECT l.message_id AS id FROM message_locations l JOIN folders f ON f.grant_id = l.grant_id AND f.id = l.folder_id
       WHERE l.grant_id = $1 AND f.name = $2 AND l.uid = $3`,
      [checked.grantId, folder, uid],
    );
    return rows[0]?.id as string;
  };
  const movedOnce = async (ids: string[]) => {
    await expectInStep(checked, { since });
    const seen = await events();
    expect(new Set(seen.map((e) => e.type))).toEqual(new Set(['message.updated']));
    expect(seen.map((e) => e.id).sort()).toEqual([...ids].sort());
  };

  test.for([
    ['INBOX', 'Archive', 10],
    ['Archive', 'INBOX', 20],
    ['Archive', 'Work', 30],
    ['Work', 'Archive', 40],
  ] as const)('MOVE from %s to %s', async ([from, to, uid]) => {
    const id = await idAt(from, uid);
    const client = await bareClient(dovecot, user);
    await client.mailboxOpen(from);
    await client.messageMove(`${uid}`, to, { uid: true });
    client.close();
    await movedOnce([id]);
  });

  test.for([
    ['INBOX', 'Work', 11],
    ['Work', 'INBOX', 21],
  ] as const)('COPY and EXPUNGE from %s to %s', async ([from, to, uid]) => {
    const id = await idAt(from, uid);
    const client = await bareClient(dovecot, user);
    await client.mailboxOpen(from);
    await client.messageCopy(`${uid}`, to, { uid: true });
    await client.messageDelete(`${uid}`, { uid: true });
    client.close();
    await expectInStep(checked, { since });
    // Between the two, the message really is in both folders: that may be told, too.
    const seen = await events();
    expect(seen.every((e) => e.type === 'message.updated' && e.id === id)).toBe(true);
    expect(seen.length).toBeLessThanOrEqual(2);
  });

  test('300 at once', async () => {
    const ids = await Promise.all(Array.from({ length: 300 }, (_, i) => idAt('INBOX', 100 + i)));
    await dovecot.doveadm('move', '-u', user, 'Archive', 'mailbox', 'INBOX', 'uid', '100:399');
    await movedOnce(ids);
  });

  test('300 into a folder that was made just before', async () => {
    const ids = await Promise.all(Array.from({ length: 300 }, (_, i) => idAt('Archive', 50 + i)));
    await dovecot.doveadm('mailbox', 'create', '-u', user, 'New');
    await dovecot.doveadm('move', '-u', user, 'New', 'mailbox', 'Archive', 'uid', '50:349');
    await movedOnce(ids);
  });

  test('while mailquay is down, into a new folder as well', async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, (_, i) => idAt('Work', 1 + i)));
    await mailquay.restart(async () => {
      await dovecot.doveadm('move', '-u', user, 'INBOX', 'mailbox', 'Work', 'uid', '1:30');
      await dovecot.doveadm('mailbox', 'create', '-u', user, 'Later');
      await dovecot.doveadm('move', '-u', user, 'Later', 'mailbox', 'Work', 'uid', '31:60');
    });
    await expectInStep(checked, { since });
    const seen = await events();
    expect(new Set(seen.map((e) => e.type))).toEqual(new Set(['message.updated']));
    expect([...new Set(seen.map((e) => e.id))].sort()).toEqual(ids.filter((id) => id).sort());
  });
});
