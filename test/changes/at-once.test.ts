/** Changes that meet: with each other, with refusals half way, and with mail that goes and comes back. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { bareClient } from '../support/bare-client.ts';
import type { Snapshot } from '../support/checker/compare.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { eventually, startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const USER = 'ada@mailquay.example';

describeWithTestbed('changes at once', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let checked: Checked;
  let since: Snapshot;
  let grantId: string;
  let folders: Record<'INBOX' | 'Work' | 'Junk', string>;

  beforeAll(async () => {
    [mailquay, dovecot] = await Promise.all([startMailquay(), startDovecot()]);
    const client = await bareClient(dovecot, USER);
    for (const name of ['Work', 'Junk']) await client.mailboxCreate(name);
    client.close();
    for (let n = 0; n < 12; n += 1)
      await dovecot.append(
        USER,
        'INBOX',
        Buffer.from(`Subject: at once ${n}\r\nMessage-ID: <${n}@o.example>\r\n\r\nx\r\n`),
      );
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

  const inbox = async () =>
    (await mailquay.nylas.messages.list({ identifier: grantId, queryParams: { in: [folders.INBOX] } })).data;
  const update = (messageId: string, requestBody: Record<string, unknown>) =>
    mailquay.nylas.messages.update({ identifier: grantId, messageId, requestBody });
  const find = async (messageId: string) =>
    (await mailquay.nylas.messages.find({ identifier: grantId, messageId })).data;

  test('of a copy that no look of the sync has seen yet: somebody else marks it, and that shows', async () => {
    // As if another process had the grant, and were slow.
    await mailquay.sql(
      `UPDATE leases SET owner = 'elsewhere', token = token + 1, expires_at = now() + interval '1 hour' WHERE grant_id = $1 RETURNING 1`,
      [grantId],
    );
    const [message] = await inbox();
    const requestBody = { name: 'Unseen' };
    const { data: folder } = await mailquay.nylas.folders.create({ identifier: grantId, requestBody });
    await update(message!.id, { folders: [folder.id] });
    await dovecot.doveadm('flags', 'add', '-u', USER, '\\Flagged', 'mailbox', 'Unseen', 'all');
    expect((await find(message!.id)).starred).toBe(false);
    await mailquay.sql(
      `UPDATE leases SET expires_at = now() - interval '1 second' WHERE grant_id = $1 RETURNING 1`,
      [grantId],
    );
    await expectInStep(checked, { since });
    expect((await find(message!.id)).starred).toBe(true);
  });

  test('of one message: all that was accepted is there, here and on the server', async () => {
    for (const message of (await inbox()).slice(0, 5)) {
      await Promise.all([
        update(message.id, { starred: true }),
        update(message.id, { folders: [folders.Work] }),
        update(message.id, { unread: false }),
      ]);
      expect(await find(message.id)).toMatchObject({ starred: true, unread: false, folders: [folders.Work] });
    }
    // The checker holds flags and folders against the server.
    await expectInStep(checked, { since });
    for (const message of (await inbox()).slice(0, 2)) {
      await Promise.all([
        update(message.id, { starred: true }),
        mailquay.nylas.messages.destroy({ identifier: grantId, messageId: message.id }),
      ]);
      expect(await find(message.id)).toMatchObject({ starred: true });
    }
    await expectInStep(checked);
  });

  test.each([0, 300])(
    'mail that another client moves away and back after %i ms is the same mail',
    async (ms) => {
      const [message] = await inbox();
      await update(message!.id, { metadata: { key1: 'keep' } });
      const client = await bareClient(dovecot, USER);
      const box = await client.mailboxOpen('INBOX');
      expect(box.exists).toBeGreaterThan(0);
      const found = await client.search({ subject: message!.subject }, { uid: true });
      const moved = await client.messageMove(String((found as number[])[0]), 'Junk', { uid: true });
      await new Promise((resolve) => setTimeout(resolve, ms));
      await client.mailboxOpen('Junk');
      const back = [...(moved || { uidMap: new Map<number, number>() }).uidMap!.values()];
      await client.messageMove(String(back[0]), 'INBOX', { uid: true });
      client.close();
      await expectInStep(checked);
      expect(await find(message!.id)).toMatchObject({ metadata: { key1: 'keep' }, folders: [folders.INBOX] });
      const told = (await eventsOf(checked, 'message.%')).slice(since.events).map((event) => event.type);
      expect(told.filter((type) => type !== 'message.updated')).toEqual([]);
    },
  );
});

describe('a thread whose change is refused for one of its messages', () => {
  let mailquay: TestMailquay;
  let server: ScriptedImap;
  let grantId: string;

  beforeAll(async () => {
    server = await startScriptedImap();
    server.deliver('INBOX', Buffer.from('Subject: refused\r\nMessage-ID: <root@r.example>\r\n\r\nx\r\n'));
    const reply = 'Subject: Re: refused\r\nReferences: <root@r.example>\r\n\r\ny\r\n';
    server.deliver('Sent', Buffer.from(reply), { flags: ['\\Seen'] });
    server.deliver('Drafts', Buffer.from(`${reply}draft\r\n`), { flags: ['\\Draft', '\\Seen'] });
    mailquay = await startMailquay();
    grantId = await mailquay.connect({ username: 'ada', password: 'pass', port: server.port });
    await mailquay.synced(grantId);
  });
  afterAll(async () => {
    await mailquay?.stop();
    await server?.stop();
  });

  const thread = async () =>
    (await mailquay.nylas.threads.list({ identifier: grantId, queryParams: { subject: 'refused' } }))
      .data[0]!;
  const events = async () =>
    (
      await mailquay.sql<{ type: string }>(
        `SELECT type FROM events WHERE type LIKE 'message.%' AND grant_id = $1`,
        [grantId],
      )
    ).map((event) => event.type);

  test.each([
    ['is as it was', 'Sent', 'DELETE', undefined],
    ['is as it was, also when only a draft is refused', 'Drafts', 'PUT', { starred: true }],
  ])('%s', async (_name, folder, method, body) => {
    await eventually(async () => {
      const { messageIds, draftIds } = await thread();
      expect([messageIds?.length, draftIds?.length]).toEqual([2, 1]);
    });
    const before = await thread();
    const told = await events();
    const off = server.on('SELECT', async (exchange) => {
      if (!exchange.command.line.includes(folder)) return exchange.pass();
      await exchange.send({ untagged: [], tagged: 'NO [NOPERM] read only' });
    });
    const path = `/v3/grants/${grantId}/threads/${before.id}`;
    const { status, body: answer } = await mailquay.call(method, path, body);
    off();
    expect([status, answer.error?.message]).toEqual([422, expect.stringContaining('read only')]);
    // The sync has looked at all of it since.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const after = await thread();
    expect({ ...after, messageIds: after.messageIds?.sort() }).toEqual({
      ...before,
      messageIds: before.messageIds?.sort(),
    });
    expect((await events()).filter((type) => type !== 'message.updated')).toEqual(
      told.filter((type) => type !== 'message.updated'),
    );
  });
});
