/** `search_query_native` and `query_imap` on a real server, through the SDK. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { bareClient } from '../support/bare-client.ts';
import { expectInStep } from '../support/checker.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const USER = 'ada@mailquay.example';
const TYPE =
  'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n';

describeWithTestbed('native search', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let grantId: string;
  let folders: Record<string, string>;

  beforeAll(async () => {
    [mailquay, dovecot] = await Promise.all([startMailquay(), startDovecot()]);
    const client = await bareClient(dovecot, USER);
    await client.mailboxCreate('Work');
    client.close();
    const mails = [
      ['INBOX', 'bob', 'Invoice one', 'please pay', []],
      ['INBOX', 'eve', 'Lunch', 'Die Größe zählt', ['\\Seen']],
      ['Work', 'bob', 'Invoice two', 'paid already', ['\\Seen']],
      ['Work', 'bob', 'Plan', 'nothing "quoted" here', []],
    ] as const;
    for (const [i, [folder, from, subject, body, flags]] of mails.entries()) {
      const raw = `From: ${from}@example.org\r\nTo: ${USER}\r\nSubject: ${subject}\r\nMessage-ID: <n${i}@example.org>\r\n${TYPE}\r\n${body}\r\n`;
      await dovecot.append(USER, folder, Buffer.from(raw), {
        flags: [...flags],
        internalDate: new Date(Date.UTC(2026, 0, 10 + i)),
      });
    }
    grantId = await mailquay.connect({ ...dovecot.user(USER), port: dovecot.imapPort });
    await mailquay.synced(grantId);
    await expectInStep({ mailquay, dovecot, user: USER, grantId });
    const { data } = await mailquay.nylas.folders.list({ identifier: grantId });
    folders = Object.fromEntries(data.map((folder) => [folder.name, folder.id]));
  });
  afterAll(async () => {
    await mailquay?.stop();
    await dovecot?.stop();
  });

  const subjects = async (queryParams: Record<string, unknown>) => {
    const { data } = await mailquay.nylas.messages.list({ identifier: grantId, queryParams });
    return data.map((message) => message.subject);
  };

  test.each([
    ['FROM "bob"', ['Plan', 'Invoice two', 'Invoice one']],
    ['FROM bob UNSEEN', ['Plan', 'Invoice one']],
    ['OR SUBJECT lunch BODY "paid"', ['Invoice two', 'Lunch']],
    ['NOT (FROM bob) SINCE 1-Jan-2026', ['Lunch']],
    ['BODY "Größe"', ['Lunch']],
    ['BODY "\\"quoted\\""', ['Plan']],
    ['HEADER Message-ID "n2@"', ['Invoice two']],
    ['TEXT "never written"', []],
  ])('%s', async (searchQueryNative, expected) => {
    expect(await subjects({ searchQueryNative })).toEqual(expected);
  });

  test('with other filters, and page by page', async () => {
    expect(await subjects({ searchQueryNative: 'FROM bob', in: [folders.Work] })).toEqual([
      'Plan',
      'Invoice two',
    ]);
    expect(await subjects({ searchQueryNative: 'FROM bob', unread: true, subject: 'INVOICE' })).toEqual([
      'Invoice one',
    ]);
    const all: unknown[] = [];
    for await (const page of mailquay.nylas.messages.list({
      identifier: grantId,
      queryParams: { searchQueryNative: 'FROM bob', limit: 1 },
    })) {
      all.push(...page.data.map((message) => message.subject));
      if (all.length >= 3) break;
    }
    expect(all).toEqual(['Plan', 'Invoice two', 'Invoice one']);
    const threads = await mailquay.nylas.threads.list({
      identifier: grantId,
      queryParams: { searchQueryNative: 'SUBJECT invoice' },
    });
    expect(threads.data.map((thread) => thread.subject)).toEqual(['Invoice two', 'Invoice one']);
  });

  test('query_imap names one folder', async () => {
    const { data } = await mailquay.nylas.messages.list({
      identifier: grantId,
      queryParams: { queryImap: true, in: [folders.Work] } as object,
    });
    expect(data.map((message) => [message.subject, message.folders])).toEqual([
      ['Plan', [folders.Work]],
      ['Invoice two', [folders.Work]],
    ]);
    const one = await mailquay.nylas.messages.find({
      identifier: grantId,
      messageId: data[0]!.id,
      queryParams: { queryImap: true } as object,
    });
    expect(one.data.subject).toBe('Plan');
  });

  test('query_imap knows what came and went a moment ago', async () => {
    const list = async () => {
      const { data } = await mailquay.nylas.messages.list({
        identifier: grantId,
        queryParams: { queryImap: true, in: [folders.Archive] } as object,
      });
      return data.map((message) => message.subject);
    };
    for (const n of [1, 2, 3]) {
      await dovecot.append(USER, 'Archive', Buffer.from(`Subject: Just now ${n}\r\n\r\nx\r\n`));
      expect(await list()).toHaveLength(n);
    }
    const client = await bareClient(dovecot, USER);
    await client.mailboxOpen('Archive');
    await client.messageDelete('2', {});
    client.close();
    expect((await list()).toSorted()).toEqual(['Just now 1', 'Just now 3']);
  });

  test.each([
    ['search_query_native=hello', /^search_query_native: "hello" is no search key of IMAP/],
    ['search_query_native=', /^search_query_native: /],
    [`search_query_native=${encodeURIComponent('TEXT "x\r\nA1 LOGOUT"')}`, /control character/],
    ['search_query_native=UNSEEN&metadata_pair=key1:x', /^metadata_pair: cannot be combined/],
    ['search_query_native=UNSEEN&in=inbox', /^in: /],
    ['search_query_native=X-GM-RAW%20is:unread', /^search_query_native: the mail server refuses it/],
    ['query_imap=true', /^in: must be the id of one folder/],
  ])('%s is a 400', async (query, words) => {
    const { status, body } = await mailquay.call('GET', `/v3/grants/${grantId}/messages?${query}`);
    expect([status, body.error?.message]).toEqual([400, expect.stringMatching(words)]);
  });
});
