import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTestbed } from './describe.ts';
import { type Dovecot, startDovecot } from './dovecot.ts';
import { type Postfix, startPostfix } from './postfix.ts';

describeWithTestbed('a private Postfix', () => {
  let dovecot: Dovecot;
  let postfix: Postfix;
  let second: Postfix;

  beforeAll(async () => {
    dovecot = await startDovecot({ tls: true });
    [postfix, second] = await Promise.all([
      startPostfix({ dovecot }),
      startPostfix({ dovecot, outside: 'refuse' }),
    ]);
  });

  afterAll(async () => {
    await Promise.all([postfix?.stop(), second?.stop()]);
    await dovecot?.stop();
  });

  function transport(port: number, auth?: { user: string; pass: string }, secure = false) {
    return createTransport({
      host: '127.0.0.1',
      port,
      secure,
      auth,
      tls: { ca: dovecot.certificate, servername: 'localhost' },
    });
  }

  async function subjects(user: string): Promise<string> {
    return dovecot.doveadm('fetch', '-u', user, 'hdr.subject', 'mailbox', 'INBOX');
  }

  test('delivers between users after a login, over STARTTLS and TLS', async () => {
    const { username, password } = dovecot.user('anna@example.com');
    dovecot.user('bert@mailquay.example');
    const mail = { from: username, to: 'bert@mailquay.example', subject: 'one', text: 'hi' };
    const auth = { user: username, pass: password };
    await transport(postfix.submissionPort, auth).sendMail(mail);
    await transport(postfix.submissionsPort ?? 0, auth, true).sendMail({ ...mail, subject: 'two' });
    await expect
      .poll(() => subjects('bert@mailquay.example'), { timeout: 5000 })
      .toMatch(/one[\s\S]*two|two[\s\S]*one/);
  });

  test('bounces unknown and outside recipients to the sender', async () => {
    const { username, password } = dovecot.user('carl@example.com');
    const to = ['nobody@example.com', 'someone@outside.example'];
    const auth = { user: username, pass: password };
    await transport(postfix.submissionPort, auth).sendMail({ from: username, to, text: 'hi' });
    await expect.poll(() => subjects(username), { timeout: 10_000 }).toMatch(/Undelivered/);
    expect(await postfix.queued()).toBeLessThan(2);
  });

  test('refuses wrong passwords, submission without a login, and relaying', async () => {
    const { username, password } = dovecot.user('dora@example.com');
    const mail = { from: username, to: 'bert@mailquay.example', text: 'hi' };
    const wrong = transport(postfix.submissionPort, { user: username, pass: 'wrong' });
    await expect(wrong.sendMail(mail)).rejects.toMatchObject({ responseCode: 535 });
    await expect(transport(postfix.submissionPort).sendMail(mail)).rejects.toMatchObject({
      responseCode: 554,
    });
    const outside = { ...mail, to: 'someone@outside.example' };
    await expect(transport(postfix.smtpPort).sendMail(outside)).rejects.toMatchObject({ responseCode: 554 });
    const strict = transport(second.submissionPort, { user: username, pass: password });
    await expect(strict.sendMail(outside)).rejects.toMatchObject({ responseCode: 554 });
  });

  test('takes inbound mail without a login', async () => {
    dovecot.user('emil@example.com');
    const mail = { from: 'x@outside.example', to: 'emil@example.com', subject: 'inbound', text: 'hi' };
    await transport(second.smtpPort).sendMail(mail);
    await expect.poll(() => subjects('emil@example.com'), { timeout: 5000 }).toMatch(/inbound/);
  });
}, ['dovecot', 'postfix']);
