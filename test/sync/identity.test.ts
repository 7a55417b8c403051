/** SY13: what makes two mails one message, and what does not. */
import { expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import type { TestMailquay } from '../support/mailquay.ts';
import { startedForTests } from '../support/started.ts';

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('identity', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  /** Fills folders, connects, and waits until all is in step; returns what is stored. */
  const stored = async (user: string, folders: Record<string, Buffer[]>) => {
    for (const [folder, raws] of Object.entries(folders)) {
      await fillMaildir(dovecot, user, folder, raws.length, {
        make: (i) => ({ raw: raws[i] as Buffer, messageId: '', subject: '', thread: i, kind: 'plain' }),
      });
    }
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    const checked: Checked = { mailquay, dovecot, user, grantId };
    await mailquay.synced(grantId);
    await expectInStep(checked);
    const messages = await mailquay.sql<{
      id: string;
      folders: number;
      messageId: string | null;
      threadId: string;
    }>(
      `SELECT id, cardinality(folder_ids) AS folders, thread_id AS "threadId", message_id AS "messageId" FROM messages WHERE grant_id = $1`,
      [grantId],
    );
    return { checked, messages };
  };

  test('1,000 mails with one Message-ID stay 1,000 messages, also through a new UIDVALIDITY', async () => {
    const raws = Array.from({ length: 1_000 }, (_, i) => mail('Message-ID: <same@example.org>', `Body ${i}`));
    const { checked, messages } = await stored('same@mailquay.example', { INBOX: raws });
    expect(messages).toHaveLength(1_000);
    const since = await snapshot(checked);
    await dovecot.doveadm('mailbox', 'update', '-u', checked.user, '--uid-validity', '1999000333', 'INBOX');
    await expectInStep(checked, { since });
    expect(await eventsOf(checked, 'message.created')).toEqual([]);
    expect(await eventsOf(checked, 'message.deleted')).toEqual([]);
  });

  test('mails without a Message-ID are told apart by what is in them', async () => {
    const raws = Array.from({ length: 120 }, (_, i) => mail('X-Nothing: here', `Body ${i}`));
    const { messages } = await stored('none@mailquay.example', { INBOX: raws });
    expect(messages).toHaveLength(120);
    expect(messages.every((m) => m.messageId === null)).toBe(true);
  });

  test('two mails whose Message-IDs of 2 KB differ in the last letter are two, in two threads', async () => {
    const long = 'x'.repeat(2_000);
    const raws = ['a', 'b'].map((end) => mail(`Message-ID:\r\n <${long}${end}@example.org>`, 'Body'));
    const { messages } = await stored('long@mailquay.example', { INBOX: raws });
    expect(messages).toHaveLength(2);
    expect(messages.every((m) => m.messageId?.startsWith('xxx'))).toBe(true);
    expect(new Set(messages.map((m) => m.threadId)).size).toBe(2);
  });

  test('the same bytes twice in one folder are two messages; in two folders they are one', async () => {
    const raw = mail('Message-ID: <copy@example.org>', 'Copied');
    const { checked, messages } = await stored('copies@mailquay.example', {
      INBOX: [raw, raw, raw],
      Archive: [raw],
    });
    expect(messages.map((m) => m.folders).sort()).toEqual([1, 1, 2]);
    const since = await snapshot(checked);
    await dovecot.append(checked.user, 'Work', raw);
    await dovecot.append(checked.user, 'INBOX', raw);
    await expectInStep(checked, { since });
    // The copy in Work belongs to one that is known; the fourth in the inbox is a new message.
    expect(await eventsOf(checked, 'message.created')).toHaveLength(1);
    await dovecot.doveadm('expunge', '-u', checked.user, 'mailbox', 'INBOX', 'all');
    await expectInStep(checked, { since });
  });
});

function mail(header: string, body: string): Buffer {
  return Buffer.from(
    `From: a@example.org\r\nTo: b@example.org\r\nSubject: Same\r\n${header}\r\n\r\n${body}\r\n`,
  );
}
