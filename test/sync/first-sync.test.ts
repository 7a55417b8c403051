/** A mailbox is connected: what was in it can be listed, opened and downloaded, byte for byte, newest first. */
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { allOf } from '../support/all-pages.ts';
import { bareClient } from '../support/bare-client.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep } from '../support/checker.ts';
import { eventually, type TestMailquay } from '../support/mailquay.ts';
import { startedForTests } from '../support/started.ts';

const FOLDERS: [name: string, mails: number][] = [
  ['INBOX', 1100],
  ['Sent', 300],
  ['Archive', 400],
  ['Projekte/Größe', 150],
  ['Drafts', 50],
];
const TOTAL = FOLDERS.reduce((sum, [, mails]) => sum + mails, 0);

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('first sync', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  describe('of 2,000 mails in five folders', () => {
    const user = 'ada@mailquay.example';
    const original = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 31 + (i >> 7)) % 256));
    let checked: Checked;
    beforeAll(async () => {
      for (const [i, [folder, mails]] of FOLDERS.entries())
        await fillMaildir(dovecot, user, folder, mails, { seed: 100 + i });
      await dovecot.append(user, 'INBOX', withAttachment(original), { internalDate: new Date('2026-11-20') });
      const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
      checked = { mailquay, dovecot, user, grantId };
      await mailquay.synced(grantId);
    });

    test('stores every mail once, in its folder, with its flags and bytes', async () => {
      await expectInStep(checked);
      // History is no news (contract 5.2); its end is.
      expect(await eventsOf(checked, 'message.%')).toEqual([]);
      expect(await eventsOf(checked, 'thread.%')).toEqual([]);
      expect(await eventsOf(checked, 'grant.imap_sync_completed')).toHaveLength(1);
    });

    test('leaves the planner with statistics, long before autovacuum comes', async () => {
      await eventually(async () => {
        const rows = await mailquay.sql<{ table: string }>(
          `SELECT relname::text AS table FROM pg_stat_user_tables
           WHERE relname IN ('messages', 'threads', 'message_locations') AND last_analyze IS NOT NULL`,
        );
        expect(rows).toHaveLength(3);
      }, 5_000);
    });

    test('a thread of drafts has been neither received nor sent', async () => {
      const identifier = checked.grantId;
      const folders = (await mailquay.nylas.folders.list({ identifier })).data;
      const drafts = folders.find(({ name }) => name === 'Drafts')?.id as string;
      const { data } = await mailquay.nylas.threads.list({
        identifier,
        queryParams: { in: [drafts], limit: 200 },
      });
      const only = data.filter(({ messageIds }) => messageIds.length === 0);
      expect(only.length).toBeGreaterThan(0);
      for (const thread of only) {
        expect(thread.latestMessageReceivedDate).toBeUndefined();
        expect(thread.latestMessageSentDate).toBeUndefined();
      }
    });

    test('the SDK pages through all messages, newest first, each once', async () => {
      const seen: { id: string; date: number }[] = [];
      const pages = mailquay.nylas.messages.list({
        identifier: checked.grantId,
        queryParams: { limit: 200, select: 'id,date' },
      });
      for await (const page of pages) seen.push(...page.data.map(({ id, date }) => ({ id, date })));
      expect(seen).toHaveLength(TOTAL + 1);
      expect(new Set(seen.map((m) => m.id)).size).toBe(TOTAL + 1);
      expect(seen.map((m) => m.date)).toEqual(seen.map((m) => m.date).sort((a, b) => b - a));
    });

    test('the SDK opens a message and downloads its attachment, equal to the original', async () => {
      const identifier = checked.grantId;
      const { data } = await mailquay.nylas.messages.list({
        identifier,
        queryParams: { limit: 1, subject: 'The file' },
      });
      const { data: message } = await mailquay.nylas.messages.find({
        identifier,
        messageId: data[0]?.id as string,
      });
      expect(message).toMatchObject({
        subject: 'The file',
        from: [{ name: 'Grace', email: 'grace@example.org' }],
      });
      expect(message.body).toContain('here it is');
      expect(message.attachments).toHaveLength(1);
      const [attachment] = message.attachments ?? [];
      expect(attachment).toMatchObject({ filename: 'Übersicht.bin', size: original.length });
      const bytes = await mailquay.nylas.attachments.downloadBytes({
        identifier,
        attachmentId: attachment?.id as string,
        queryParams: { messageId: message.id },
      });
      expect(Buffer.from(bytes).equals(original)).toBe(true);
    });

    test('the SDK lists folders with their counts, and threads that hold their messages', async () => {
      const identifier = checked.grantId;
      const { data: folders } = await mailquay.nylas.folders.list({
        identifier,
        queryParams: { limit: 200 },
      });
      const byName = new Map(folders.map((f) => [f.name, f]));
      for (const [name, mails] of FOLDERS)
        expect([name, byName.get(name)?.totalCount]).toEqual([name, mails + (name === 'INBOX' ? 1 : 0)]);
      expect(byName.get('Sent')?.attributes).toContain('\\Sent');
      expect(byName.get('Projekte/Größe')?.parentId).toBe(byName.get('Projekte')?.id);

      const threads = await allOf<{ id: string; message_ids: string[]; draft_ids: string[] }>(
        mailquay,
        `/v3/grants/${identifier}/threads`,
      );
      // What lies in Drafts is a draft.
      const held = threads.map((t) => t.message_ids.length + t.draft_ids.length);
      expect(held.reduce((sum, n) => sum + n, 0)).toBe(TOTAL + 1);
      const long = threads.find((t) => t.message_ids.length > 3);
      const { data: thread } = await mailquay.nylas.threads.find({
        identifier,
        threadId: long?.id as string,
      });
      expect(thread.messageIds).toEqual(long?.message_ids);
    });
  });

  test('the newest 50 of 20,000 are readable about as soon as a bare client has them', async () => {
    const user = 'big@mailquay.example';
    await fillMaildir(dovecot, user, 'INBOX', 20_000, { seed: 7, make: small });
    const bare = async () => {
      const began = performance.now();
      const client = await bareClient(dovecot, user);
      const box = await client.mailboxOpen('INBOX', { readOnly: true });
      let bytes = 0;
      for await (const row of client.fetch(`${box.exists - 49}:*`, { uid: true, source: true }))
        bytes += row.source?.length ?? 0;
      client.close();
      expect(bytes).toBeGreaterThan(0);
      return performance.now() - began;
    };
    // Once for the server's own index, then measured.
    await bare();
    const reference = await bare();
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    const began = performance.now();
    const list = `/v3/grants/${grantId}/messages?limit=50`;
    await eventually(async () => {
      expect((await mailquay.get<{ data: unknown[] }>(list)).body.data).toHaveLength(50);
    }, 60_000);
    const took = performance.now() - began;
    console.log(
      `first 50 of 20,000: ${Math.round(took)} ms; a bare fetch of 50: ${Math.round(reference)} ms`,
    );
    const { body } = await mailquay.get<{ data: { subject: string }[] }>(list);
    expect(body.data.map((m) => m.subject)).toEqual(
      Array.from({ length: 50 }, (_, i) => `Mail ${19_999 - i}`),
    );
    expect(took).toBeLessThan(2_000 + 20 * reference);
    expect((await mailquay.call('DELETE', `/v3/grants/${grantId}`)).status).toBe(200);
  });
});

function small(index: number, date: Date) {
  const messageId = `<${index}@big.example>`;
  const raw = Buffer.from(
    `From: a@example.org\r\nTo: big@mailquay.example\r\nSubject: Mail ${index}\r\nMessage-ID: ${messageId}\r\nDate: ${date.toUTCString()}\r\n\r\nBody ${index}\r\n`,
  );
  return { raw, messageId, subject: `Mail ${index}`, thread: index, kind: 'plain' as const };
}

function withAttachment(bytes: Buffer): Buffer {
  const base64 = bytes.toString('base64').replace(/.{76}/g, '$&\r\n');
  const digest = createHash('sha256').update(bytes).digest('hex');
  return Buffer.from(
    [
      'From: Grace <grace@example.org>',
      'To: ada@mailquay.example',
      'Subject: The file',
      `Message-ID: <${digest}@example.org>`,
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=cut',
      '',
      '--cut',
      'Content-Type: text/plain; charset=utf-8',
      '',
      'here it is',
      '--cut',
      'Content-Type: application/octet-stream',
      "Content-Disposition: attachment; filename*=utf-8''%C3%9Cbersicht.bin",
      'Content-Transfer-Encoding: base64',
      '',
      base64,
      '--cut--',
      '',
    ].join('\r\n'),
  );
}
