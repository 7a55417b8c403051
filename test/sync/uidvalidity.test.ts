/** SY1: a folder gets a new UIDVALIDITY. Its messages keep their ids, and only what is new is told as new. */
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

describeWithTestbed('UIDVALIDITY', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  const connected = async (user: string): Promise<Checked> => {
    await fillMaildir(dovecot, user, 'INBOX', 300, { seed: 1 });
    await fillMaildir(dovecot, user, 'Archive', 150, { seed: 2 });
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    await mailquay.synced(grantId);
    const checked = { mailquay, dovecot, user, grantId };
    await expectInStep(checked);
    return checked;
  };
  const five = async (user: string, folder: string) => {
    for (let i = 0; i < 5; i += 1)
      await dovecot.append(user, folder, Buffer.from(`Subject: new ${i}\r\n\r\nnew ${i}\r\n`));
  };
  const onlyFiveCreated = async (checked: Checked) => {
    const created = await eventsOf(checked, 'message.created');
    const subjects = await mailquay.sql<{ subject: string }>(
      'SELECT subject FROM messages WHERE grant_id = $1 AND id = ANY($2::text[]) ORDER BY subject',
      [checked.grantId, created.map((e) => e.id)],
    );
    expect(subjects.map((m) => m.subject)).toEqual(['new 0', 'new 1', 'new 2', 'new 3', 'new 4']);
    expect(created).toHaveLength(5);
    expect(await eventsOf(checked, 'message.deleted')).toEqual([]);
  };

  test('changes by an update of the folder, while five new mails arrive', async () => {
    const checked = await connected('updated@mailquay.example');
    const since = await snapshot(checked);
    await dovecot.doveadm('mailbox', 'update', '-u', checked.user, '--uid-validity', '1999000111', 'INBOX');
    await five(checked.user, 'INBOX');
    await expectInStep(checked, { since });
    await onlyFiveCreated(checked);
  });

  test('changes because the folder was deleted and made again with the same mails', async () => {
    const checked = await connected('again@mailquay.example');
    const since = await snapshot(checked);
    // The copies are made first, so that the mails as such never go.
    await dovecot.doveadm('mailbox', 'create', '-u', checked.user, 'Kept');
    await dovecot.doveadm('copy', '-u', checked.user, 'Kept', 'mailbox', 'Archive', 'all');
    // A session that has the folder open may bring its empty directory back.
    await eventually(async () => {
      await dovecot.doveadm('mailbox', 'delete', '-u', checked.user, 'Archive').catch(() => {});
      await dovecot.doveadm('mailbox', 'rename', '-u', checked.user, 'Kept', 'Archive');
    });
    await five(checked.user, 'Archive');
    await expectInStep(checked, { since });
    await onlyFiveCreated(checked);
  });

  test('changes while nobody looks, in a folder from which mails were deleted at the same time', async () => {
    const checked = await connected('offline@mailquay.example');
    const since = await snapshot(checked);
    await mailquay.restart(async () => {
      const inbox = ['-u', checked.user, 'mailbox', 'INBOX', 'uid'];
      await dovecot.doveadm('expunge', ...inbox, '100:149');
      await dovecot.doveadm('flags', 'add', '-u', checked.user, '\\Flagged', ...inbox.slice(2), '150:200');
      await dovecot.doveadm('mailbox', 'update', '-u', checked.user, '--uid-validity', '1999000222', 'INBOX');
      await five(checked.user, 'INBOX');
    });
    await expectInStep(checked, { since });
    expect(await eventsOf(checked, 'message.created')).toHaveLength(5);
    expect(await eventsOf(checked, 'message.deleted')).toHaveLength(50);
  });
});
