/** What happens in a mailbox after it was connected: new mail, flags, drafts, deletions, threads. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Snapshot } from '../support/checker/compare.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { eventually, startMailquay, type TestMailquay } from '../support/mailquay.ts';

interface Shown {
  id: string;
  thread_id: string;
  subject: string;
  unread: boolean;
  starred: boolean;
  folders: string[];
}

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('live', () => {
  const user = 'ada@mailquay.example';
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let checked: Checked;
  let since: Snapshot;

  beforeAll(async () => {
    [mailquay, dovecot] = await Promise.all([startMailquay(), startDovecot()]);
    await fillMaildir(dovecot, user, 'INBOX', 60, { seed: 3 });
    await fillMaildir(dovecot, user, 'Archive', 80, { seed: 4 });
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    checked = { mailquay, dovecot, user, grantId };
    await mailquay.synced(grantId);
    await expectInStep(checked);
    since = await snapshot(checked);
  });
  afterAll(async () => {
    await mailquay?.stop();
    await dovecot?.stop();
  });

  /** The one message with a subject, as the API shows it. */
  const shown = (subject: string) =>
    eventually(async () => {
      const path = `/v3/grants/${checked.grantId}/messages?subject=${encodeURIComponent(subject)}&limit=5`;
      const { body } = await mailquay.get<{ data: Shown[] }>(path);
      const found = body.data.filter((m) => m.subject === subject);
      if (found.length !== 1) throw new Error(`${found.length} messages with the subject ${subject}`);
      return found[0] as Shown;
    }, 30_000);
  const folderId = async (name: string) => {
    const { data } = await mailquay.nylas.folders.list({
      identifier: checked.grantId,
      queryParams: { limit: 200 },
    });
    return data.find((f) => f.name === name)?.id;
  };
  const flag = (how: 'add' | 'remove', flags: string, ...query: string[]) =>
    dovecot.doveadm('flags', how, '-u', user, flags, ...query);

  test('mail delivered to the inbox appears, unread, with one message.created', async () => {
    await dovecot.deliver(user, mail('Delivered'));
    const message = await shown('Delivered');
    expect(message).toMatchObject({ unread: true, starred: false, folders: [await folderId('INBOX')] });
    expect((await eventsOf(checked, 'message.created')).map((e) => e.id)).toEqual([message.id]);
  });

  test('mail in other folders appears too, also in one that was made for it', async () => {
    await dovecot.append(user, 'Archive', mail('Filed'), { flags: ['\\Seen'] });
    await dovecot.append(user, 'Listen/Neue Liste', mail('Filed in a new folder'));
    expect(await shown('Filed')).toMatchObject({ unread: false, folders: [await folderId('Archive')] });
    const { id, folders } = await shown('Filed in a new folder');
    expect(folders).toEqual([await folderId('Listen/Neue Liste')]);
    expect((await eventsOf(checked, 'message.created')).map((e) => e.id)).toContain(id);
  });

  test('a draft is a message with the flag of one, and its thread says so', async () => {
    await dovecot.append(user, 'Drafts', mail('Half a thought'), { flags: ['\\Draft', '\\Seen'] });
    const { thread_id } = await shown('Half a thought');
    await eventually(async () => {
      const { data } = await mailquay.nylas.threads.find({
        identifier: checked.grantId,
        threadId: thread_id,
      });
      expect(data).toMatchObject({ hasDrafts: true });
    });
  });

  test('flags follow both ways, also those of history', async () => {
    await dovecot.deliver(user, mail('Flagged about'));
    await shown('Flagged about');
    const find = ['mailbox', 'INBOX', 'subject', 'Flagged about'];
    await flag('add', '\\Seen \\Flagged', ...find);
    await eventually(async () =>
      expect(await shown('Flagged about')).toMatchObject({ unread: false, starred: true }),
    );
    await flag('remove', '\\Seen \\Flagged', ...find);
    await eventually(async () =>
      expect(await shown('Flagged about')).toMatchObject({ unread: true, starred: false }),
    );
    await flag('add', '$Forwarded todo', ...find);
    await flag('add', '\\Answered', ...find);
    await flag('remove', '\\Seen', 'mailbox', 'Archive', 'uid', '1:40');
    await flag('add', '\\Flagged', 'mailbox', 'Archive', 'uid', '30:60');
    await expectInStep(checked, { since });
  });

  test('a reply joins its thread, and a late reference makes one of two', async () => {
    await dovecot.deliver(user, mail('Question', '<q@example.org>'));
    const question = await shown('Question');
    await dovecot.append(user, 'Sent', mail('Re: Question', '<a@example.org>', ['<q@example.org>']));
    expect((await shown('Re: Question')).thread_id).toBe(question.thread_id);

    await dovecot.deliver(user, mail('One end', '<one@example.org>'));
    await dovecot.deliver(user, mail('Another end', '<two@example.org>'));
    const one = await shown('One end');
    const two = await shown('Another end');
    expect(one.thread_id).not.toBe(two.thread_id);
    await dovecot.deliver(
      user,
      mail('Both', '<both@example.org>', ['<one@example.org>', '<two@example.org>']),
    );
    const both = await shown('Both');
    expect((await shown('One end')).thread_id).toBe(both.thread_id);
    expect((await shown('Another end')).thread_id).toBe(both.thread_id);
    const ended = [one.thread_id, two.thread_id].filter((id) => id !== both.thread_id);
    expect((await eventsOf(checked, 'thread.deleted')).map((e) => e.id)).toEqual(ended);
    const { status } = await mailquay.get(`/v3/grants/${checked.grantId}/threads/${ended[0]}`);
    expect(status).toBe(404);
  });

  test('what is deleted goes, with one message.deleted each', async () => {
    const { id } = await shown('Delivered');
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'subject', 'Delivered');
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'Archive', 'uid', '1:30');
    await eventually(async () =>
      expect((await mailquay.get(`/v3/grants/${checked.grantId}/messages/${id}`)).status).toBe(404),
    );
    await expectInStep(checked, { since });
    expect(await eventsOf(checked, 'message.deleted')).toHaveLength(31);
  });
});

function mail(
  subject: string,
  messageId = `<${subject.replaceAll(' ', '-')}@example.org>`,
  references: string[] = [],
) {
  return Buffer.from(
    [
      'From: Grace <grace@example.org>',
      'To: Ada <ada@mailquay.example>',
      `Subject: ${subject}`,
      `Message-ID: ${messageId}`,
      ...(references.length > 0 ? [`References: ${references.join(' ')}`] : []),
      '',
      `About ${subject}.`,
      '',
    ].join('\r\n'),
  );
}
