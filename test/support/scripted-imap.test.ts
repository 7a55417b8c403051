import net from 'node:net';
import { ImapFlow } from 'imapflow';
import { afterEach, describe, expect, test } from 'vitest';
import { MailMaker } from '../../testbed/mail-maker.ts';
import { faults, type ScriptedImap, type ScriptedImapOptions, startScriptedImap } from './scripted-imap.ts';

const RAW =
  'From: "Doe, Jane" <jane@a.example>\r\nTo: b@b.example\r\nSubject: hi\r\nMessage-ID: <1@x.example>\r\n' +
  'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n' +
  '--b\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"\r\n' +
  'Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n';

const open: { close(): void }[] = [];
const servers: ScriptedImap[] = [];

afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  for (const server of servers.splice(0)) await server.stop();
});

async function start(options?: ScriptedImapOptions): Promise<ScriptedImap> {
  const server = await startScriptedImap(options);
  servers.push(server);
  return server;
}

async function login(
  server: ScriptedImap,
  options: { qresync?: boolean; pass?: string } = {},
): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: server.host,
    port: server.port,
    secure: false,
    auth: { user: 'anna', pass: options.pass ?? 'pass' },
    qresync: options.qresync ?? false,
    logger: false,
  });
  client.on('error', () => {});
  open.push(client);
  await client.connect();
  return client;
}

function fill(server: ScriptedImap, count: number, folder = 'INBOX'): void {
  const maker = new MailMaker(3);
  for (let index = 0; index < count; index++) {
    server.deliver(folder, maker.next(new Date(1_700_000_000_000 + index * 60_000)).raw, {
      internalDate: new Date(1_700_000_000_000 + index * 60_000),
    });
  }
}

async function uids(client: ImapFlow, range = '1:*'): Promise<(number | undefined)[]> {
  const found: (number | undefined)[] = [];
  for await (const row of client.fetch(range, { uid: true, flags: true }, { uid: true })) found.push(row.uid);
  return found;
}

describe('a scripted IMAP server, asked by imapflow', () => {
  test('lists, selects and fetches what is in it', async () => {
    const server = await start();
    server.createFolder('Größe & Co/Sub');
    fill(server, 60);
    const message = server.deliver('INBOX', RAW, { flags: ['\\Seen', '$Work'] });
    const client = await login(server);
    const list = await client.list({ statusQuery: { messages: true, uidNext: true, uidValidity: true } });
    expect(list.map((folder) => [folder.path, folder.specialUse, folder.status?.messages])).toEqual(
      expect.arrayContaining([
        ['INBOX', '\\Inbox', 61],
        ['Sent', '\\Sent', 0],
        ['Größe & Co/Sub', undefined, 0],
      ]),
    );
    const box = await client.mailboxOpen('INBOX');
    expect(box).toMatchObject({
      exists: 61,
      uidNext: 62,
      uidValidity: BigInt(server.model.folder('INBOX').uidValidity),
    });
    const rows = await client.fetchAll('1:*', {
      ...{ uid: true, flags: true, internalDate: true, size: true, envelope: true },
      ...{ bodyStructure: true, source: true },
    });
    for (const [index, row] of rows.entries()) {
      const stored = server.model.folder('INBOX').messages[index];
      expect(row.uid).toBe(stored?.uid);
      expect(row.size).toBe(stored?.raw.length);
      expect(row.source).toEqual(stored?.raw);
      expect(row.emailId).toBe(stored?.emailId);
      expect(row.bodyStructure?.type).toBeTruthy();
      expect(row.envelope?.messageId).toBeTruthy();
    }
    const last = rows.at(-1);
    expect(last?.envelope?.from?.[0]).toMatchObject({ name: 'Doe, Jane', address: 'jane@a.example' });
    expect(last?.bodyStructure?.childNodes?.[1]).toMatchObject({
      type: 'application/pdf',
      disposition: 'attachment',
    });
    expect([...(last?.flags ?? [])]).toEqual(['\\Seen', '$Work']);
    const part = await client.download(String(message.uid), '1', { uid: true });
    let text = '';
    for await (const chunk of part.content ?? []) text += chunk;
    expect(text).toBe('hello');
    const some = await client.fetchOne(
      String(message.uid),
      { headers: ['subject'], source: { start: 5, maxLength: 6 } },
      { uid: true },
    );
    if (!some) throw new Error('nothing fetched');
    expect(some.headers?.toString()).toBe('Subject: hi\r\n\r\n');
    expect(some.source?.toString()).toBe(RAW.slice(5, 11));
    expect(await client.search({ header: { 'message-id': '<1@x.example>' } }, { uid: true })).toEqual([
      message.uid,
    ]);
    expect(await client.search({ all: true, uid: '60:*' }, { uid: true })).toEqual([60, 61]);
  });

  test('changes by the client: append, store, move, copy, expunge, create, rename, delete', async () => {
    const server = await start();
    const client = await login(server);
    const internalDate = new Date('2001-02-03T04:05:06Z');
    const appended = await client.append('INBOX', Buffer.from(RAW), ['\\Seen'], internalDate);
    expect(appended).toMatchObject({ uid: 1 });
    expect(server.model.folder('INBOX').messages[0]?.internalDate).toEqual(internalDate);
    await client.mailboxOpen('INBOX');
    await client.messageFlagsAdd('1', ['\\Flagged'], { uid: true });
    expect([...(server.model.folder('INBOX').messages[0]?.flags ?? [])]).toEqual(['\\Seen', '\\Flagged']);
    await client.messageCopy('1', 'Archive', { uid: true });
    const moved = await client.messageMove('1', 'Trash', { uid: true });
    expect(moved).toMatchObject({ uidMap: new Map([[1, 1]]) });
    expect(server.model.folder('INBOX').messages).toHaveLength(0);
    await client.mailboxOpen('Trash');
    await client.messageDelete('1', { uid: true });
    expect(server.model.folder('Trash').messages).toHaveLength(0);
    await client.mailboxCreate('Ünter');
    await client.mailboxRename('Ünter', 'Über');
    expect(server.model.find('Über')).toBeTruthy();
    await client.mailboxDelete('Über');
    expect(server.model.find('Über')).toBeUndefined();
  });

  test('tells idling clients of changes, or not', async () => {
    const server = await start();
    fill(server, 3);
    const client = await login(server);
    await client.mailboxOpen('INBOX');
    const events: string[] = [];
    client.on('exists', (event) => events.push(`exists ${event.count}`));
    client.on('expunge', (event) => events.push(`expunge ${event.seq}`));
    client.on('flags', (event) => events.push(`flags ${event.seq}`));
    void client.idle();
    await server.waitUntil(() => server.idling('INBOX') === 1);
    server.deliver('INBOX', RAW);
    server.setFlags('INBOX', 2, ['\\Seen']);
    server.expunge('INBOX', 1);
    await expect.poll(() => events).toEqual(['exists 4', 'flags 2', 'expunge 1']);
    server.notify = false;
    server.deliver('INBOX', RAW);
    await client.noop();
    await expect.poll(() => events.at(-1)).toBe('exists 4');
  });

  test('speaks QRESYNC and CONDSTORE, and Gmail when told to', async () => {
    const server = await start();
    fill(server, 20);
    const { uidValidity } = server.model.folder('INBOX');
    const { highestModseq } = server.model.folder('INBOX');
    server.expunge('INBOX', 3, 4, 9);
    server.setFlags('INBOX', 5, ['\\Seen']);
    const client = await login(server, { qresync: true });
    const gone: (number | undefined)[] = [];
    client.on('expunge', (event) => gone.push(event.uid));
    await client.mailboxOpen('INBOX', {
      changedSince: BigInt(highestModseq),
      uidValidity: BigInt(uidValidity),
    });
    expect(gone).toEqual([3, 4, 9]);
    const changed = await client.fetchAll(
      '1:*',
      { uid: true, flags: true },
      { uid: true, changedSince: BigInt(highestModseq) },
    );
    expect(changed.map((row) => row.uid)).toEqual([5]);

    const gmail = await start({
      capabilities: 'IMAP4rev1 IDLE UIDPLUS MOVE SPECIAL-USE X-GM-EXT-1 AUTH=PLAIN',
    });
    const { gmMsgId } = gmail.deliver('INBOX', RAW, { gmLabels: ['\\Inbox', 'Größe'] });
    const other = await login(gmail);
    await other.mailboxOpen('INBOX');
    const [row] = await other.fetchAll('1:*', { uid: true, labels: true, threadId: true });
    expect(row?.emailId).toBe(gmMsgId);
    expect(row?.threadId).toMatch(/^\d+$/);
    expect([...(row?.labels ?? [])]).toHaveLength(2);
  });

  test('invents vanished messages, and greets with PREAUTH and other capabilities', async () => {
    const server = await start({ greeting: '* PREAUTH scripted', delimiter: '' });
    fill(server, 3);
    const client = await login(server, { qresync: true });
    expect((await client.list()).map((folder) => folder.path)).toContain('Sent');
    const gone = new Set<number | undefined>();
    client.on('expunge', (event) => gone.add(event.uid));
    await client.mailboxOpen('INBOX');
    server.once('NOOP', faults.addLines('* VANISHED (EARLIER) 1:50', '* VANISHED 60:70,99'));
    await client.noop();
    expect(gone.size).toBe(62);
    server.settings.capabilities = 'IMAP4rev1 AUTH=PLAIN';
    const plain = await login(server);
    expect((await plain.mailboxOpen('INBOX')).highestModseq).toBeUndefined();
    expect(plain.capabilities.has('QRESYNC')).toBe(false);
  });

  test('lies about sizes, structures and UIDs', async () => {
    const server = await start();
    fill(server, 5);
    const client = await login(server);
    await client.mailboxOpen('INBOX');
    server.once('FETCH', faults.wrongSize());
    expect((await client.fetchAll('1:*', { size: true })).map((row) => row.size)).toEqual([7, 7, 7, 7, 7]);
    server.once('FETCH', faults.duplicateUids());
    expect(await uids(client)).toEqual([1, 1, 1, 1, 1]);
    server.once(
      'FETCH',
      faults.withoutUid((index) => index === 2),
    );
    expect((await uids(client)).filter((uid) => uid === undefined)).toHaveLength(1);
    server.once('FETCH', faults.brokenBodyStructure());
    await client.fetchAll('1:*', { bodyStructure: true }).catch(() => []);
    server.once('FETCH', faults.earlyOk(2));
    expect((await uids(client)).length).toBeLessThan(5);
    server.once('FETCH', faults.expungeDuringFetch('INBOX', 2, 1));
    await uids(client);
    expect(await uids(client)).toEqual([1, 3, 4, 5]);
    server.once('FETCH', faults.uidValidityChange('INBOX'));
    await uids(client);
    server.once('SELECT', faults.dropLines(/UIDNEXT/));
    await client.mailboxOpen('INBOX');
  });

  test('refuses with codes, says BYE, cuts, stays silent', async () => {
    const server = await start();
    fill(server, 2);
    await expect(login(server, { pass: 'wrong' })).rejects.toMatchObject({ authenticationFailed: true });
    server.on('AUTHENTICATE', faults.refuse('UNAVAILABLE'));
    server.on('LOGIN', faults.refuse('UNAVAILABLE'));
    await expect(login(server)).rejects.toMatchObject({ serverResponseCode: 'UNAVAILABLE' });
    server.clearHooks();
    const client = await login(server);
    await client.mailboxOpen('INBOX');
    server.once('FETCH', faults.refuse('INUSE'));
    await expect(client.fetchAll('1:*', { flags: true })).rejects.toMatchObject({
      responseText: 'not now',
    });
    const closed = new Promise((resolve) => client.once('close', () => resolve(true)));
    server.once('NOOP', faults.bye());
    await client.noop().catch(() => {});
    expect(await closed).toBe(true);
    const second = await login(server);
    await second.mailboxOpen('INBOX');
    server.once('FETCH', (exchange) => exchange.cutAfter(40));
    await expect(second.fetchAll('1:*', { source: true })).rejects.toThrow();
    const third = await login(server);
    server.once('NOOP', faults.silence());
    const answer = await Promise.race([
      third.noop().then(() => 'answered'),
      new Promise((r) => setTimeout(r, 200, 'silent')),
    ]);
    expect(answer).toBe('silent');
  });

  test('floods, drips and announces 2 GB until the client has gone', async () => {
    const server = await start();
    fill(server, 1);
    for (const fault of [
      faults.endlessLines(),
      faults.endlessLine(),
      faults.hugeLiteral(),
      faults.dripping(1, 20),
    ]) {
      server.once('NOOP', fault);
      const bytes = await new Promise<number>((resolve) => {
        const socket = net.connect(server.port, server.host, () => socket.write('a NOOP\r\n'));
        let count = 0;
        socket.on('data', (chunk) => {
          count += chunk.length;
        });
        setTimeout(() => {
          socket.destroy();
          resolve(count);
        }, 150);
      });
      expect(bytes).toBeGreaterThan(50);
      await server.waitUntil(() => server.sessions.size === 0);
    }
  });
});
