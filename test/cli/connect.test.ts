import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { findProgram } from '../../testbed/process.ts';
import { type Cli, CliHome } from '../support/cli.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';

const KEY = 'a-key-for-the-connect-test';
const PASSWORD = `pass-'word"-of-ada`;
const MESSAGES = 1_000;
const PROGRESS = /[█░]{24} \d+ % {2}\d+ of \d+ messages {2}(\d+)\/s {2}(\d+ s|\d+ min \d+ s) left/;

describeWithTestbed('mailquay connect', () => {
  let dovecot: Dovecot;
  /** The same server, but far away. */
  let far: FaultProxy;

  beforeAll(async () => {
    dovecot = await startDovecot();
    far = await startFaultProxy({ target: { port: dovecot.imapPort } });
    far.delay(20);
    dovecot.user('ada@example.org', PASSWORD);
    await fillMaildir(dovecot, 'ada@example.org', 'INBOX', MESSAGES);
    for (const name of ['bob@example.org', 'eve@example.org']) {
      dovecot.user(name, PASSWORD);
      await fillMaildir(dovecot, name, 'INBOX', 30);
    }
  });
  afterAll(async () => {
    await far?.stop();
    await dovecot?.stop();
  });

  const flags = (email: string, port: number) => [
    ...['connect', '--email', email, '--imap-host', '127.0.0.1', '--imap-port', String(port)],
    ...['--imap-security', 'none'],
  ];

  describeBeside();

  function describeBeside() {
    let home: CliHome;
    let server: Cli;
    let origin: string;
    beforeAll(async () => {
      home = await CliHome.make();
      server = home.spawn(['start'], { MAILQUAY_API_KEY: KEY });
      origin = await server.ready();
    });
    afterAll(() => home?.remove());

    const get = async (path: string) => {
      const answer = await fetch(origin + path, { headers: { authorization: `Bearer ${KEY}` } });
      return (await answer.json()) as { data: Record<string, unknown>[] & Record<string, unknown> };
    };

    it('beside a running mailquay verifies, shows rate and time to go, and ends with the grant', async () => {
      const { code, stdout, stderr } = await home.run(flags('ada@example.org', far.port), {
        MAILQUAY_CONNECT_PASSWORD: PASSWORD,
      });
      expect(stderr).toMatch(PROGRESS);
      expect(stdout).toContain('Checking ada@example.org ...\n');
      expect(stdout).toMatch(
        new RegExp(`First sync complete: ${MESSAGES} messages in \\d+ folders, [\\d.]+ s\\.`),
      );
      const [, grantId] = /Connected\. Grant ([0-9a-f-]{36}) \(ada@example\.org\)/.exec(stdout) ?? [];
      expect(stdout.trimEnd().split('\n').at(-1)).toBe(`Read it:  GET /v3/grants/${grantId}/messages`);
      expect(code).toBe(0);
      expect((await get(`/v3/grants/${grantId}`)).data.grant_status).toBe('valid');
      expect((await get(`/v3/grants/${grantId}/messages?limit=5`)).data.length).toBe(5);
    });

    it('passes on what the server said to a wrong password, and leaves nothing behind', async () => {
      const before = (await get('/v3/grants')).data.length;
      const ended = await home.run([
        ...flags('bob@example.org', dovecot.imapPort),
        '--password',
        'wrong-one',
      ]);
      expect(ended.code).toBe(1);
      expect(ended.stderr).toMatch(/^mailquay: [^\n]*Authentication failed\.[^\n]*\n$/);
      expect(ended.stderr + ended.stdout).not.toContain('wrong-one');
      expect((await get('/v3/grants')).data.length).toBe(before);
    });

    it('says what is wrong with host, port and application', async () => {
      const password = { MAILQUAY_CONNECT_PASSWORD: PASSWORD };
      const refused = await home.run(flags('bob@example.org', 1), password);
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^mailquay: [^\n]*127\.0\.0\.1[^\n]*\n$/),
      });
      const port = await home.run([...flags('bob@example.org', 1), '--smtp-port', 'smtp'], password);
      expect(port).toMatchObject({
        code: 1,
        stderr: 'mailquay: --smtp-port must be a port number, but is "smtp".\n',
      });
      const app = await home.run(
        [...flags('bob@example.org', dovecot.imapPort), '--app', 'nobody'],
        password,
      );
      expect(app).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^mailquay: [^\n]*nobody[^\n]*\n$/),
      });
    });

    it('without a terminal names what it would have asked for', async () => {
      expect(await home.run(['connect'])).toMatchObject({
        code: 1,
        stderr: 'mailquay: There is no terminal to ask on. Give --email.\n',
      });
      expect(await home.run(['connect', '--email', 'bob@example.org'])).toMatchObject({
        code: 1,
        stderr: 'mailquay: There is no terminal to ask on. Give --password, or MAILQUAY_CONNECT_PASSWORD.\n',
      });
    });

    it('asks at a terminal, and does not show the password', async ({ skip }) => {
      if (!findProgram('script')) skip('util-linux has no script(1) here');
      const cli = home.atTerminal(['connect', '--imap-port', String(far.port), '--imap-security', 'none']);
      await cli.answer(/Email address:/, 'bob@example.org');
      await cli.answer(/Password \(or app password\):/, PASSWORD);
      await cli.answer(/IMAP host \(empty: find it by the address\):/, '127.0.0.1');
      await cli.answer(/SMTP host \(empty: none\):/, '');
      await cli.says(/First sync complete: 30 messages/);
      const { code, stdout } = await cli.ended;
      expect(code).toBe(0);
      expect(stdout).toMatch(/Connected\. Grant [0-9a-f-]{36} \(bob@example\.org\)/);
      expect(stdout).not.toContain(PASSWORD);
      expect(stdout).not.toContain('word"-of');
    });

    it('ends at Ctrl-C in the middle of a question', async ({ skip }) => {
      if (!findProgram('script')) skip('util-linux has no script(1) here');
      const cli = home.atTerminal(['connect']);
      await cli.says(/Email address:/);
      cli.child.stdin?.write('\u0003');
      expect((await cli.ended).code).not.toBe(0);
    });
  }

  it('syncs by itself, to the end, when no mailquay is running', async () => {
    const home = await CliHome.make();
    try {
      const { code, stdout, stderr } = await home.run(
        [...flags('eve@example.org', dovecot.imapPort), '--password', PASSWORD],
        {},
      );
      expect(stderr).not.toContain('mailquay:');
      expect(stdout).toContain('First sync complete: 30 messages');
      expect(stdout.trimEnd()).toMatch(/mailquay is not running now\. Start it with: npm start$/);
      expect(code).toBe(0);
      expect(home.processes()).toEqual([]);

      const [, key] = /shown only this once: {2}(\S+)/.exec(stdout) ?? [];
      const [, grantId] = /Grant ([0-9a-f-]{36})/.exec(stdout) ?? [];
      const origin = await home.spawn(['start']).ready();
      const answer = await fetch(`${origin}/v3/grants/${grantId}/messages?limit=50`, {
        headers: { authorization: `Bearer ${key}` },
      });
      expect(((await answer.json()) as { data: unknown[] }).data.length).toBe(30);
    } finally {
      await home.remove();
    }
  });
});
