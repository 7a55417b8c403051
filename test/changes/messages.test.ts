/** Changes of messages and threads through the SDK reach a real server, are shown at once, and make one event each. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { bareClient } from '../support/bare-client.ts';
import type { Snapshot } from '../support/checker/compare.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const USER = 'ada@mailquay.example';
const SERVERS = [
  ['all capabilities', undefined],
  ['UIDPLUS without MOVE', 'IMAP4rev1 IDLE ENABLE CONDSTORE UIDPLUS SPECIAL-USE LIST-EXTENDED'],
  ['bare IMAP4rev1', 'IMAP4rev1'],
] as const;

describeWithTestbed('changes', () => {
  describe.each(SERVERS)('on a server with %s', (_name, capabilities) => {
    // How a copy is moved and removed depends on the server; the rest does not.
    const once = capabilities === undefined ? test : () => {};
    let mailquay: TestMailquay;
    let dovecot: Dovecot;
    let checked: Checked;
    let since: Snapshot;
    let grantId: string;
    let folders: Record<'INBOX' | 'Archive' | 'Trash' | 'Work', string>;
    let serial = 0;

    beforeAll(async () => {
      [mailquay, dovecot] = await Promise.all([startMailquay(), startDovecot({ capabilities })]);
      for (const name of ['Archive', 'Trash', 'Work']) await makeFolder(dovecot, name);
      await deliver(dovecot, 'INBOX', 'first');
      grantId = await mailquay.connect({ ...dovecot.user(USER), port: dovecot.imapPort });
      checked = { mailquay, dovecot, user: USER, grantId };
      await mailquay.synced(grantId);
      const { data } = await mailquay.nylas.folders.list({ identifier: grantId });
      folders = Object.fromEntries(data.map((folder) => [folder.name, folder.id])) as typeof folders;
    });
    beforeEach(async () => {
      await expectInStep(checked);
      since = await snapshot(checked);
    });
    afterAll(async () => {
      await mailquay?.stop();
      await dovecot?.stop();
    });

    /** A mail of its own for a test, known to mailquay. */
    const fresh = async (folder = 'INBOX', headers = '') => {
      serial += 1;
      await deliver(dovecot, folder, `mail ${serial}`, headers);
      await expectInStep(checked);
      since = await snapshot(checked);
      const { data } = await mailquay.nylas.messages.list({
        identifier: grantId,
        queryParams: { subject: `mail ${serial}` },
      });
      return data[0]!;
    };
    const events = async (pattern = 'message.%') => (await eventsOf(checked, pattern)).slice(since.events);
    const update = (messageId: string, requestBody: Record<string, unknown>) =>
      mailquay.nylas.messages.update({ identifier: grantId, messageId, requestBody });
    const find = async (messageId: string) =>
      (await mailquay.nylas.messages.find({ identifier: grantId, messageId })).data;
    const onServer = async (folder: string, subject: string) => {
      const client = await bareClient(dovecot, USER);
      try {
        await client.mailboxOpen(folder, { readOnly: true });
        const rows = (await client.fetchAll('1:*', { envelope: true, flags: true, uid: true })) ?? [];
        return rows.filter((row) => row.envelope?.subject === subject);
      } catch {
        return [];
      } finally {
        client.close();
      }
    };

    test('flags', async () => {
      const message = await fresh();
      expect(message.unread).toBe(true);
      const { data } = await update(message.id, { unread: false, starred: true });
      expect(data).toMatchObject({ id: message.id, unread: false, starred: true });
      expect(data.body).toContain('body');
      expect(await find(message.id)).toMatchObject({ unread: false, starred: true });
      const [row] = await onServer('INBOX', message.subject!);
      expect(row?.flags).toEqual(new Set(['\\Seen', '\\Flagged']));
      await expectInStep(checked, { since });
      expect(await events()).toEqual([expect.objectContaining({ type: 'message.updated', id: message.id })]);
      const again = await update(message.id, { unread: false, starred: true });
      expect(again.data).toMatchObject({ unread: false, starred: true });
      await expectInStep(checked, { since });
      expect(await events()).toHaveLength(1);
    });

    once('folders: a move', async () => {
      const message = await fresh();
      const { data } = await update(message.id, { folders: [folders.Archive] });
      expect(data).toMatchObject({ id: message.id, folders: [folders.Archive], unread: true });
      expect(await onServer('INBOX', message.subject!)).toEqual([]);
      expect(await onServer('Archive', message.subject!)).toHaveLength(1);
      await expectInStep(checked, { since });
      expect(await find(message.id)).toMatchObject({ folders: [folders.Archive] });
      expect(await events()).toEqual([expect.objectContaining({ type: 'message.updated', id: message.id })]);
    });

    test('folders: several, and back to one', async () => {
      const message = await fresh();
      const both = await update(message.id, { folders: [folders.INBOX, folders.Work], unread: false });
      expect(both.data.folders.sort()).toEqual([folders.INBOX, folders.Work].sort());
      expect(await onServer('Work', message.subject!)).toHaveLength(1);
      await expectInStep(checked, { since });
      expect(await find(message.id)).toMatchObject({ unread: false });
      await update(message.id, { folders: [folders.Work] });
      expect(await onServer('INBOX', message.subject!)).toEqual([]);
      expect(await onServer('Work', message.subject!)).toHaveLength(1);
      await expectInStep(checked);
      expect(await find(message.id)).toMatchObject({ folders: [folders.Work], unread: false });
      expect((await events()).every((event) => event.type === 'message.updated')).toBe(true);
    });

    test('delete moves to Trash, and again leaves it there', async () => {
      const message = await fresh();
      const answer = await mailquay.nylas.messages.destroy({ identifier: grantId, messageId: message.id });
      expect(answer.requestId).toBeTruthy();
      expect(await find(message.id)).toMatchObject({ folders: [folders.Trash] });
      expect(await onServer('Trash', message.subject!)).toHaveLength(1);
      expect(await onServer('INBOX', message.subject!)).toEqual([]);
      await expectInStep(checked, { since });
      expect(await events()).toEqual([expect.objectContaining({ type: 'message.updated', id: message.id })]);
      await mailquay.nylas.messages.destroy({ identifier: grantId, messageId: message.id });
      expect(await onServer('Trash', message.subject!)).toHaveLength(1);
    });

    test('what others have marked \\Deleted survives our removals', async () => {
      const other = await fresh();
      const message = await fresh();
      const client = await bareClient(dovecot, USER);
      await client.mailboxOpen('INBOX');
      const [row] = await onServer('INBOX', other.subject!);
      await client.messageFlagsAdd(String(row?.uid), ['\\Deleted'], { uid: true });
      client.close();
      await update(message.id, { folders: [folders.Archive] });
      const [still] = await onServer('INBOX', other.subject!);
      expect(still?.flags?.has('\\Deleted')).toBe(true);
    });

    once('metadata stays here, is replaced whole, and makes no event', async () => {
      const message = await fresh();
      const { data } = await update(message.id, { metadata: { key1: 'one', key2: 'two' } });
      expect(data.metadata).toEqual({ key1: 'one', key2: 'two' });
      await update(message.id, { metadata: { key1: 'three' } });
      expect((await find(message.id)).metadata).toEqual({ key1: 'three' });
      await update(message.id, { unread: false });
      expect((await find(message.id)).metadata).toEqual({ key1: 'three' });
      await expectInStep(checked, { since });
      expect(await events()).toHaveLength(1);
    });

    once('a thread: each of its messages', async () => {
      const root = await fresh('INBOX', 'Message-ID: <root@thread.example>\r\n');
      await fresh('INBOX', 'References: <root@thread.example>\r\n');
      const threadId = root.threadId as string;
      const { data } = await mailquay.nylas.threads.update({
        identifier: grantId,
        threadId,
        requestBody: { unread: false, starred: true, folders: [folders.Work] },
      });
      expect(data).toMatchObject({ unread: false, starred: true, folders: [folders.Work] });
      expect(data.messageIds).toHaveLength(2);
      expect(await onServer('Work', root.subject!)).toHaveLength(1);
      await mailquay.nylas.threads.destroy({ identifier: grantId, threadId });
      const thread = await mailquay.nylas.threads.find({ identifier: grantId, threadId });
      expect(thread.data.folders).toEqual([folders.Trash]);
      await expectInStep(checked);
    });

    once('a mail that another client has just moved is found where it is now', async () => {
      const message = await fresh();
      const client = await bareClient(dovecot, USER);
      await client.mailboxOpen('INBOX');
      const [row] = await onServer('INBOX', message.subject!);
      const moved = client.messageMove(String(row?.uid), 'Work', { uid: true });
      await moved;
      client.close();
      await update(message.id, { starred: true });
      const [there] = await onServer('Work', message.subject!);
      expect(there?.flags?.has('\\Flagged')).toBe(true);
      await expectInStep(checked);
    });

    once('what may not be is refused and changes nothing', async () => {
      const message = await fresh();
      const path = `/v3/grants/${grantId}/messages/${message.id}`;
      const cases: [unknown, RegExp][] = [
        [{ folders: ['inbox'] }, /^folders\[0\]: is not the id of a folder/],
        [{ folders: [] }, /^folders: Removing all folders is not allowed/],
        [{ folders: [folders.Work, 'nope'] }, /^folders\[1\]: /],
        [{ unread: 'yes' }, /^unread: /],
        [{ metadata: { a: 1 } }, /^metadata\.a: /],
        [{ metadata: { ['k'.repeat(41)]: 'v' } }, /^metadata\.k+: has a name that is too long/],
        [{ metadata: { k: 'v'.repeat(501) } }, /^metadata\.k: /],
        [
          { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, 'v'])) },
          /^metadata: /,
        ],
      ];
      for (const [body, words] of cases) {
        const answer = await mailquay.call('PUT', path, body);
        expect([answer.status, answer.body.error?.message]).toEqual([400, expect.stringMatching(words)]);
      }
      const hard = await mailquay.call('DELETE', `${path}?hard_delete=true`);
      expect(hard.status).toBe(403);
      expect((await mailquay.call('PUT', `${path}x`, { unread: false })).status).toBe(404);
      expect((await mailquay.call('DELETE', `${path}x`)).status).toBe(404);
      expect(await find(message.id)).toMatchObject({ unread: true, folders: [folders.INBOX] });
      expect(await events()).toEqual([]);
    });
  });

  test('removed for good, where the operator allows it', async () => {
    const [mailquay, dovecot] = await Promise.all([
      startMailquay({ env: { MAILQUAY_ALLOW_HARD_DELETE: 'true' } }),
      startDovecot(),
    ]);
    try {
      await deliver(dovecot, 'INBOX', 'one');
      await deliver(dovecot, 'INBOX', 'two');
      const grantId = await mailquay.connect({ ...dovecot.user(USER), port: dovecot.imapPort });
      await mailquay.synced(grantId);
      const { data } = await mailquay.nylas.messages.list({ identifier: grantId });
      const one = data.find((message) => message.subject === 'one')!;
      const path = `/v3/grants/${grantId}/messages/${one.id}`;
      expect((await mailquay.call('DELETE', `${path}?hard_delete=true`)).status).toBe(200);
      expect((await mailquay.get(path)).status).toBe(404);
      const checked = { mailquay, dovecot, user: USER, grantId };
      await expectInStep(checked);
      expect((await eventsOf(checked, 'message.deleted')).map((event) => event.id)).toEqual([one.id]);
      // The mailbox had no Trash: one is made, so that deleting never means losing.
      const two = data.find((message) => message.subject === 'two')!;
      await mailquay.nylas.messages.destroy({ identifier: grantId, messageId: two.id });
      await expectInStep(checked);
      const folders = await mailquay.nylas.folders.list({ identifier: grantId });
      const trash = folders.data.find((folder) => folder.name === 'Trash');
      const kept = await mailquay.nylas.messages.find({ identifier: grantId, messageId: two.id });
      expect(kept.data.folders).toEqual([trash?.id]);
      // A folder, with what is in it.
      await makeFolder(dovecot, 'Old');
      await deliver(dovecot, 'Old', 'three');
      await expectInStep(checked);
      const { data: all } = await mailquay.nylas.folders.list({ identifier: grantId });
      const old = all.find((folder) => folder.name === 'Old')!;
      const gone = await mailquay.call('DELETE', `/v3/grants/${grantId}/folders/${old.id}?hard_delete=true`);
      expect(gone.status).toBe(200);
      const left = await mailquay.nylas.messages.list({ identifier: grantId });
      expect(left.data.map((message) => message.subject)).toEqual(['two']);
      await expectInStep(checked);
    } finally {
      await mailquay.stop();
      await dovecot.stop();
    }
  });
});

async function deliver(dovecot: Dovecot, folder: string, subject: string, headers = ''): Promise<void> {
  const raw = `From: bob@example.org\r\nTo: ada@mailquay.example\r\nSubject: ${subject}\r\n${headers}\r\nbody of ${subject}\r\n`;
  await dovecot.append(USER, folder, Buffer.from(raw));
}

async function makeFolder(dovecot: Dovecot, name: string): Promise<void> {
  const client = await bareClient(dovecot, USER);
  await client.mailboxCreate(name);
  client.close();
}
