/** Folders made, renamed, moved and deleted through the SDK, on servers with `/` and with `.` and a prefix. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { bareClient } from '../support/bare-client.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep } from '../support/checker.ts';
import { eventually, startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const USER = 'ada@mailquay.example';

describeWithTestbed('folders', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let checked: Checked;
  let grantId: string;

  beforeAll(async () => {
    [mailquay, dovecot] = await Promise.all([startMailquay(), startDovecot()]);
    grantId = await mailquay.connect({ ...dovecot.user(USER), port: dovecot.imapPort });
    checked = { mailquay, dovecot, user: USER, grantId };
    await mailquay.synced(grantId);
  });
  afterAll(async () => {
    await mailquay?.stop();
    await dovecot?.stop();
  });

  const create = async (name: string, parentId?: string) =>
    (
      await mailquay.nylas.folders.create({
        identifier: grantId,
        requestBody: { name, ...(parentId ? { parentId } : {}) },
      })
    ).data;
  const update = async (folderId: string, requestBody: { name?: string; parentId?: string }) =>
    (
      await mailquay.nylas.folders.update({
        identifier: grantId,
        folderId,
        requestBody: requestBody as { name: string },
      })
    ).data;
  const find = async (folderId: string) =>
    (await mailquay.nylas.folders.find({ identifier: grantId, folderId })).data;
  const names = async () => {
    const client = await bareClient(dovecot, USER);
    try {
      return (await client.list()).map((folder) => folder.path);
    } finally {
      client.close();
    }
  };
  const events = async (id: string) =>
    (await eventsOf(checked, 'folder.%')).filter((event) => event.id === id).map((event) => event.type);

  test('created, also with a name that is not ASCII, below another, and several levels at once', async () => {
    const plain = await create('Kunden');
    expect(plain).toMatchObject({ object: 'folder', grantId, name: 'Kunden', attributes: [], totalCount: 0 });
    const child = await create('Übersicht & 日本', plain.id);
    expect(child).toMatchObject({ name: 'Kunden/Übersicht & 日本', parentId: plain.id });
    const deep = await create('a/b/c');
    expect(deep.name).toBe('a/b/c');
    expect(await find(deep.parentId as string)).toMatchObject({ name: 'a/b' });
    expect(await names()).toEqual(expect.arrayContaining(['Kunden', 'Kunden/Übersicht & 日本', 'a/b/c']));
    expect((await find(plain.id)).childCount).toBe(1);
    await expectInStep(checked);
    expect(await events(plain.id)).toEqual(['folder.created']);
    expect(await events(child.id)).toEqual(['folder.created']);
  });

  test('renamed and moved, with all that is in it and below it, and one event each', async () => {
    const parent = await create('Before');
    const child = await create('Child', parent.id);
    const other = await create('Other');
    await dovecot.append(USER, 'Before/Child', Buffer.from('Subject: stays\r\n\r\nx\r\n'));
    await expectInStep(checked);
    const { data } = await mailquay.nylas.messages.list({
      identifier: grantId,
      queryParams: { subject: 'stays' },
    });
    expect(await update(parent.id, { name: 'After' })).toMatchObject({ id: parent.id, name: 'After' });
    expect(await find(child.id)).toMatchObject({ name: 'After/Child', parentId: parent.id });
    expect(await names()).toContain('After/Child');
    expect(await update(child.id, { parentId: other.id })).toMatchObject({
      name: 'Other/Child',
      parentId: other.id,
    });
    expect(await update(child.id, { name: 'Renamed' })).toMatchObject({ name: 'Other/Renamed' });
    await expectInStep(checked);
    const message = await mailquay.nylas.messages.find({ identifier: grantId, messageId: data[0]!.id });
    expect(message.data.folders).toEqual([child.id]);
    expect(await events(parent.id)).toEqual(['folder.created', 'folder.updated']);
    expect(await events(child.id)).toEqual(['folder.created', ...Array(3).fill('folder.updated')]);
    expect((await eventsOf(checked, 'message.deleted')).map((e) => e.id)).not.toContain(data[0]!.id);
    const top = await mailquay.call('PUT', `/v3/grants/${grantId}/folders/${child.id}`, { parent_id: null });
    expect(top.body.data).toMatchObject({ name: 'Renamed' });
  });

  test('deleted: what lies only in it goes to Trash at once, what lies elsewhere too stays there', async () => {
    const folder = await create('Gone');
    await dovecot.append(USER, 'Gone', Buffer.from('Subject: goes\r\n\r\nx\r\n'));
    await dovecot.append(USER, 'INBOX', Buffer.from('Subject: elsewhere\r\n\r\ny\r\n'));
    await expectInStep(checked);
    const listed = async (subject: string) =>
      (await mailquay.nylas.messages.list({ identifier: grantId, queryParams: { subject } })).data[0]!;
    const [goes, elsewhere] = [await listed('goes'), await listed('elsewhere')];
    const inbox = elsewhere.folders[0] as string;
    await mailquay.nylas.messages.update({
      identifier: grantId,
      messageId: elsewhere.id,
      requestBody: { folders: [inbox, folder.id] },
    });
    await mailquay.nylas.folders.destroy({ identifier: grantId, folderId: folder.id });
    await expect(find(folder.id)).rejects.toMatchObject({ statusCode: 404 });
    const { data: all } = await mailquay.nylas.folders.list({ identifier: grantId });
    const trash = all.find((f) => f.name === 'Trash')!;
    expect((await listed('goes')).folders).toEqual([trash.id]);
    expect((await listed('elsewhere')).folders).toEqual([inbox]);
    expect(await names()).not.toContain('Gone');
    await expectInStep(checked);
    expect(await listed('goes')).toMatchObject({ id: goes.id, folders: [trash.id] });
    expect(await listed('elsewhere')).toMatchObject({ id: elsewhere.id, folders: [inbox] });
    expect(await events(folder.id)).toEqual(['folder.created', 'folder.deleted']);
    expect((await eventsOf(checked, 'message.deleted')).map((e) => e.id)).not.toContain(goes.id);
  });

  test('deleted: mail that has only just come to it is not lost either', async () => {
    const folder = await create('Busy');
    await expectInStep(checked);
    for (let n = 0; n < 5; n += 1)
      await dovecot.append(USER, 'Busy', Buffer.from(`Subject: just come ${n}\r\n\r\nx\r\n`));
    await mailquay.nylas.folders.destroy({ identifier: grantId, folderId: folder.id });
    await expectInStep(checked);
    const { data } = await mailquay.nylas.messages.list({
      identifier: grantId,
      queryParams: { subject: 'just come' },
    });
    expect(data).toHaveLength(5);
  });

  test('counts that are right while mail comes and flags change', async () => {
    const folder = await create('Counted');
    for (let i = 0; i < 6; i += 1)
      await dovecot.append(USER, 'Counted', Buffer.from(`Subject: count ${i}\r\n\r\nx\r\n`));
    await expectInStep(checked);
    const { data } = await mailquay.nylas.messages.list({
      identifier: grantId,
      queryParams: { in: [folder.id] },
    });
    await Promise.all([
      ...data.slice(0, 4).map((message) =>
        mailquay.nylas.messages.update({
          identifier: grantId,
          messageId: message.id,
          requestBody: { unread: false },
        }),
      ),
      ...data
        .slice(4)
        .map((message) => mailquay.nylas.messages.destroy({ identifier: grantId, messageId: message.id })),
      dovecot.append(USER, 'Counted', Buffer.from('Subject: late\r\n\r\nx\r\n')),
    ]);
    await expectInStep(checked);
    expect(await find(folder.id)).toMatchObject({ totalCount: 5, unreadCount: 1 });
  });

  test('what may not be is refused by name and changes nothing', async () => {
    const parent = await create('Parent');
    const child = await create('Inner', parent.id);
    const { data: all } = await mailquay.nylas.folders.list({ identifier: grantId });
    const inbox = all.find((folder) => folder.attributes?.includes('\\Inbox'))!;
    const before = (await names()).sort();
    const path = `/v3/grants/${grantId}/folders`;
    const cases: [string, string, unknown, number, RegExp][] = [
      ['POST', path, {}, 400, /^name: is required/],
      ['POST', path, { name: '' }, 400, /^name: /],
      ['POST', path, { name: 'a//b' }, 400, /^name: must have a name on each side/],
      ['POST', path, { name: 'a\nb' }, 400, /^name: must not contain control/],
      ['POST', path, { name: 'x'.repeat(1025) }, 400, /^name: /],
      ['POST', path, { name: 'x', parent_id: 'nope' }, 400, /^parent_id: /],
      ['POST', path, { name: 'Parent' }, 400, /^name: there is a folder/],
      ['POST', path, { name: 'INBOX' }, 400, /^name: there is a folder/],
      ['PUT', `${path}/${parent.id}`, { parent_id: child.id }, 400, /^parent_id: is the folder itself/],
      ['PUT', `${path}/${inbox.id}`, { name: 'Elsewhere' }, 400, /system folder/],
      ['PUT', `${path}/nope`, { name: 'x' }, 404, /not found/],
      ['DELETE', `${path}/${inbox.id}`, undefined, 400, /system folder/],
      ['DELETE', `${path}/${parent.id}`, undefined, 400, /below it/],
      ['DELETE', `${path}/nope`, undefined, 404, /not found/],
    ];
    for (const [method, url, body, status, words] of cases) {
      const answer = await mailquay.call(method, url, body);
      expect([answer.status, answer.body.error?.message]).toEqual([status, expect.stringMatching(words)]);
    }
    expect((await names()).sort()).toEqual(before);
  });
});

describe('folders with a dot and a prefix', () => {
  let mailquay: TestMailquay;
  let server: ScriptedImap;
  let grantId: string;

  beforeAll(async () => {
    server = await startScriptedImap({ delimiter: '.', prefix: 'INBOX.' });
    mailquay = await startMailquay();
    grantId = await mailquay.connect({ username: 'ada', password: 'pass', port: server.port });
    await mailquay.synced(grantId);
  });
  afterAll(async () => {
    await mailquay?.stop();
    await server?.stop();
  });

  test('are made where the server keeps them, and moved', async () => {
    const create = async (name: string, parentId?: string) =>
      (await mailquay.nylas.folders.create({ identifier: grantId, requestBody: { name, parentId } })).data;
    const top = await create('Projekte');
    expect(top.name).toBe('INBOX.Projekte');
    const child = await create('Größe', top.id);
    expect(child).toMatchObject({ name: 'INBOX.Projekte.Größe', parentId: top.id });
    expect(server.model.find('INBOX.Projekte.Größe')).toBeTruthy();
    const { data } = await mailquay.nylas.folders.update({
      identifier: grantId,
      folderId: top.id,
      requestBody: { name: 'Archiv 2026' },
    });
    expect(data.name).toBe('INBOX.Archiv 2026');
    expect(server.model.find('INBOX.Archiv 2026.Größe')).toBeTruthy();
    await mailquay.nylas.folders.destroy({ identifier: grantId, folderId: child.id });
    expect(server.model.find('INBOX.Archiv 2026.Größe')).toBeFalsy();
  });

  test('are as they were when the server does not delete them', async () => {
    const { data } = await mailquay.nylas.folders.create({
      identifier: grantId,
      requestBody: { name: 'Kept' },
    });
    server.deliver('INBOX.Kept', Buffer.from('Subject: kept\r\n\r\nx\r\n'));
    const listed = async () =>
      (await mailquay.nylas.messages.list({ identifier: grantId, queryParams: { in: [data.id] } })).data;
    await eventually(async () => expect(await listed()).toHaveLength(1));
    const before = await listed();
    const off = server.on('DELETE', (exchange) => exchange.no('[NOPERM] this one stays'));
    const path = `/v3/grants/${grantId}/folders/${data.id}`;
    const { status, body } = await mailquay.call('DELETE', path);
    off();
    expect([status, body.error?.message]).toEqual([422, expect.stringContaining('this one stays')]);
    expect(await listed()).toEqual(before);
    expect(server.model.folder('INBOX.Kept').messages).toHaveLength(1);
    const hard = await mailquay.call('DELETE', `${path}?hard_delete=true`);
    expect([hard.status, hard.body.error?.message]).toEqual([403, expect.stringMatching(/^hard_delete: /)]);
  });
});
