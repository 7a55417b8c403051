/** SY15, SY16, SY24: mail that breaks parsers and clocks is stored with its bytes, shown as valid JSON, and stops nothing. */
import { closeSync, fchownSync, futimesSync, openSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { allOf } from '../support/all-pages.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { eventually, startMailquay, type TestMailquay } from '../support/mailquay.ts';

const DEEP = 400;
const HOSTILE: Record<string, Buffer> = {
  'a NUL in header and body': Buffer.from(
    'From: a@example.org\r\nSubject: nul \0 here\r\n\r\nbody \0 end\r\n',
  ),
  'invalid UTF-8': Buffer.concat([
    Buffer.from('From: a@example.org\r\nContent-Type: text/plain; charset=utf-8\r\nSubject: '),
    Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x0d, 0x0a, 0x0d, 0x0a, 0xc0, 0xaf, 0x0d, 0x0a]),
  ]),
  'half a surrogate pair in an encoded word': Buffer.from(
    'From: =?utf-16be?B?2D0=?= <a@example.org>\r\nSubject: =?utf-16be?B?2D0=?= =?utf-8?B?7aC9?=\r\n\r\nx\r\n',
  ),
  'no header': Buffer.from('\r\nonly a body\r\n'),
  'no body': Buffer.from('Subject: nothing follows\r\n'),
  'bare line feeds': Buffer.from('From: a@example.org\nSubject: unix\n\nbody\n'),
  'a boundary that never ends': Buffer.from(
    'Content-Type: multipart/mixed; boundary="x"\r\nSubject: open\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nno end',
  ),
  'parts within parts': Buffer.from(
    `Subject: deep\r\n${Array.from({ length: DEEP }, (_, i) => `Content-Type: multipart/mixed; boundary="b${i}"\r\n\r\n--b${i}\r\n`).join('')}Content-Type: text/plain\r\n\r\nx\r\n`,
  ),
  'an unknown charset and a broken encoding': Buffer.from(
    'Subject: =?no-such?Q?=ZZ?=\r\nContent-Type: text/html; charset="no-such"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!====\r\n',
  ),
  'a header line of 200 KB': Buffer.from(`Subject: ${'long '.repeat(40_000)}\r\n\r\nx\r\n`),
  'ten thousand recipients': Buffer.from(
    `To: ${Array.from({ length: 10_000 }, (_, i) => `p${i}@example.org`).join(',\r\n ')}\r\nSubject: all\r\n\r\nx\r\n`,
  ),
  'dates that are none': Buffer.from('Date: Tue, 99 Foo 99999 99:99:99 +9999\r\nSubject: when\r\n\r\nx\r\n'),
};

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('hostile mail', () => {
  const user = 'ada@mailquay.example';
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let checked: Checked;
  beforeAll(async () => {
    [mailquay, dovecot] = await Promise.all([startMailquay(), startDovecot()]);
    dovecot.user(user);
    await dovecot.append(user, 'INBOX', Buffer.from('Subject: first\r\n\r\nx\r\n'));
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    checked = { mailquay, dovecot, user, grantId };
    await mailquay.synced(grantId);
  });
  afterAll(async () => {
    await mailquay?.stop();
    await dovecot?.stop();
  });

  /** Puts a file into the Maildir as it is, past every check of APPEND. */
  const put = async (raw: Buffer, date: Date, name: string) => {
    const dir = (await dovecot.doveadm('mailbox', 'path', '-u', user, 'INBOX')).trim();
    const { uid, gid } = dovecot.users.owner(user);
    const seconds = date.getTime() / 1000;
    const file = openSync(`${dir}/cur/${name}.testbed:2,`, 'wx', 0o600);
    writeSync(file, raw);
    fchownSync(file, uid, gid);
    futimesSync(file, seconds, seconds);
    closeSync(file);
  };

  test('of every kind is stored with its bytes, told, and shown', async () => {
    await expectInStep(checked);
    const since = await snapshot(checked);
    let n = 0;
    for (const raw of Object.values(HOSTILE))
      await put(raw, new Date(Date.UTC(2026, 10, 1) + n * 1000), `1793000000.H${n++}`);
    await expectInStep(checked, { since });
    expect(await eventsOf(checked, 'message.created')).toHaveLength(n);
    const messages = await allOf<{ id: string; subject: string; body: string }>(
      mailquay,
      `/v3/grants/${checked.grantId}/messages`,
    );
    expect(messages).toHaveLength(n + 1);
    for (const { id, subject, body } of messages) {
      expect(subject.isWellFormed() && body.isWellFormed()).toBe(true);
      expect(subject + body).not.toContain('\0');
      const { data } = await mailquay.nylas.messages.find({ identifier: checked.grantId, messageId: id });
      expect(data.id).toBe(id);
    }
    // The bomb says what became of it.
    const [deep] = await mailquay.sql<{ parse_error: string | null }>(
      `SELECT parse_error FROM messages WHERE grant_id = $1 AND subject = 'deep'`,
      [checked.grantId],
    );
    expect(deep?.parse_error).toBeTruthy();
    // Nothing waits to be tried again, and mail goes on.
    expect(await mailquay.sql('SELECT 1 FROM sync_failures WHERE grant_id = $1', [checked.grantId])).toEqual(
      [],
    );
    await dovecot.deliver(user, Buffer.from('Subject: after\r\n\r\nx\r\n'));
    await expectInStep(checked, { since });
  });

  test('dates of 1970, 2106 and tomorrow are shown as the server has them, and stop no later mail', async () => {
    await expectInStep(checked);
    const since = await snapshot(checked);
    const dates = [
      new Date(1000),
      new Date('2106-02-07T06:28:14Z'),
      new Date(Math.floor(Date.now() / 1000 + 86_400) * 1000),
    ];
    for (const [i, date] of dates.entries())
      await put(Buffer.from(`Subject: date ${i}\r\n\r\nx\r\n`), date, `179300100${i}.D${i}`);
    await expectInStep(checked, { since });
    const { body } = await mailquay.get<{ data: { subject: string; date: number }[] }>(
      `/v3/grants/${checked.grantId}/messages?limit=200&subject=date`,
    );
    expect(body.data.map((m) => m.subject)).toEqual(['date 1', 'date 2', 'date 0']);
    expect(body.data.map((m) => m.date)).toEqual([dates[1], dates[2], dates[0]].map((d) => Number(d) / 1000));
    await dovecot.deliver(user, Buffer.from('Subject: the present\r\n\r\nx\r\n'));
    await eventually(async () =>
      expect(
        (await mailquay.get<{ data: unknown[] }>(`/v3/grants/${checked.grantId}/messages?subject=present`))
          .body.data,
      ).toHaveLength(1),
    );
    await expectInStep(checked, { since });
  });
});
