import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTestbed } from './describe.ts';
import { capabilitiesWithout, type Dovecot, startDovecot } from './dovecot.ts';
import { fillMaildir } from './generate.ts';

const RAW = Buffer.from(
  'From: a@b.example\r\nSubject: hi\r\nMessage-ID: <1@x.example>\r\n\r\nhello\r\n.dot\r\n',
);

describeWithTestbed('a private Dovecot', () => {
  let plain: Dovecot;
  let dotted: Dovecot;

  beforeAll(async () => {
    [plain, dotted] = await Promise.all([
      startDovecot(),
      startDovecot({
        tls: true,
        separator: '.',
        prefix: 'INBOX.',
        capabilities: capabilitiesWithout('CONDSTORE', 'QRESYNC'),
      }),
    ]);
  });

  afterAll(async () => {
    await Promise.all([plain?.stop(), dotted?.stop()]);
  });

  async function client(dovecot: Dovecot, username: string, password: string): Promise<ImapFlow> {
    const secure = dovecot.imapsPort !== undefined;
    const imap = new ImapFlow({
      host: dovecot.host,
      port: dovecot.imapsPort ?? dovecot.imapPort,
      secure,
      tls: { ca: dovecot.certificate, servername: 'localhost' },
      auth: { user: username, pass: password },
      logger: false,
    });
    imap.on('error', () => {});
    await imap.connect();
    return imap;
  }

  async function attempt(dovecot: Dovecot, username: string, password: string): Promise<string> {
    try {
      await (await client(dovecot, username, password)).logout();
      return 'in';
    } catch (error) {
      return String((error as { responseText?: string }).responseText);
    }
  }

  test('takes mail for any user name and shows it over IMAP', async () => {
    for (const dovecot of [plain, dotted]) {
      const prefix = dovecot === dotted ? 'INBOX.' : '';
      for (const name of ['anna@example.com', 'Änna Müller/x@example.com']) {
        const { username, password } = dovecot.user(name);
        await dovecot.deliver(name, RAW);
        const internalDate = new Date('2001-02-03T04:05:06Z');
        const flags = ['\\Seen', '$Work'];
        const { uid } = await dovecot.append(name, `${prefix}Größe & Co`, RAW, { flags, internalDate });
        const imap = await client(dovecot, username, password);
        expect(imap.capabilities.has('CONDSTORE')).toBe(dovecot === plain);
        expect((await imap.list()).map((folder) => folder.path)).toContain(`${prefix}Sent`);
        expect((await imap.mailboxOpen('INBOX')).exists).toBe(1);
        await imap.mailboxOpen(`${prefix}Größe & Co`);
        const row = await imap.fetchOne(
          String(uid),
          { flags: true, internalDate: true, source: true },
          { uid: true },
        );
        if (!row) throw new Error('nothing fetched');
        expect(row.source).toEqual(RAW);
        expect(new Date(row.internalDate ?? 0)).toEqual(internalDate);
        expect([...(row.flags ?? [])]).toEqual(expect.arrayContaining(['$Work', '\\Seen']));
        await imap.logout();
      }
    }
  });

  test('obeys password changes, refusals and removals at once', async () => {
    const name = 'berta@example.com';
    plain.user(name, 'first: ü');
    expect(await attempt(plain, name, 'first: ü')).toBe('in');
    plain.user(name, 'second');
    expect(await attempt(plain, name, 'second')).toBe('in');
    expect(await attempt(plain, name, 'first: ü')).toMatch(/failed/i);
    plain.users.refuse(name, 'Please log in via your web browser');
    expect(await attempt(plain, name, 'second')).toMatch(/web browser/);
    plain.users.allow(name);
    expect(await attempt(plain, name, 'second')).toBe('in');
    plain.users.remove(name);
    expect(await attempt(plain, name, 'second')).toMatch(/failed/i);
  });

  test('can be paused, kicked and restarted', async () => {
    const { username, password } = dotted.user('carl@example.com');
    const imap = await client(dotted, username, password);
    dotted.pause();
    const started = Date.now();
    const answered = imap.noop().then(() => Date.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 200));
    dotted.resume();
    expect(await answered).toBeGreaterThan(180);
    const closed = new Promise((resolve) => imap.once('close', () => resolve(true)));
    await dotted.kick('carl@example.com');
    expect(await closed).toBe(true);
    await dotted.restart();
    expect(await attempt(dotted, username, password)).toBe('in');
  });

  test('that is halted ends the sessions that idle in it', async () => {
    const { username, password } = dotted.user('emil@example.com');
    const imap = await client(dotted, username, password);
    await imap.mailboxOpen('INBOX');
    void imap.idle().catch(() => {});
    const closed = new Promise((resolve) => imap.once('close', () => resolve('closed')));
    await dotted.halt();
    const late = new Promise((resolve) => setTimeout(resolve, 2_000, 'still open'));
    expect(await Promise.race([closed, late])).toBe('closed');
    await dotted.start();
  });

  test('is filled with thousands of mails whose dates rise with their UIDs', async () => {
    const { username, password } = dotted.user('dora@example.com');
    const filled = await fillMaildir(dotted, username, 'INBOX.Viel.Päckchen', 2000);
    expect(filled.bytes / filled.count).toBeGreaterThan(8000);
    expect(filled.threads).toBeGreaterThan(600);
    const imap = await client(dotted, username, password);
    expect((await imap.mailboxOpen('INBOX.Viel.Päckchen')).exists).toBe(2000);
    const rows = await imap.fetchAll('1:*', { uid: true, internalDate: true, envelope: true });
    expect(rows.map((row) => row.envelope?.messageId)).toEqual(filled.messageIds);
    const dates = rows.map((row) => new Date(row.internalDate ?? 0).getTime());
    expect(dates).toEqual([...dates].sort((a, b) => a - b));
    await imap.logout();
  });
});
