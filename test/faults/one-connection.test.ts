/** Servers that allow one connection per user: the sync works, slowly; work comes before watching. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Handler } from '../support/imap/exchange.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail, syncState } from '../support/scripted-truth.ts';

describe.concurrent('one connection per user', () => {
  let mailquay: TestMailquay;
  const servers: ScriptedImap[] = [];
  beforeAll(async () => {
    mailquay = await startMailquay({
      timings: { backoff: 50 },
      imapTimings: { watchAgain: 3_000, workIdle: 1_500 },
    });
  });
  afterAll(async () => {
    await mailquay?.stop();
    for (const server of servers) await server.stop();
  });

  const limited =
    (server: ScriptedImap, most: number, refuse: Handler): Handler =>
    (exchange) => {
      const others = [...server.sessions].filter(
        (s) => s !== exchange.session && s.user !== undefined && !s.wire.ended,
      );
      return others.length >= most ? refuse(exchange) : exchange.pass();
    };

  const WAYS: [string, string, Handler][] = [
    ['a NO with a code', 'LOGIN', (e) => e.no('[LIMIT] one connection only')],
    ['a plain NO', 'LOGIN', (e) => e.no('Login failed')],
    ['a NO that sounds like a wrong password', 'LOGIN', (e) => e.no('[AUTHENTICATIONFAILED] no')],
    ['BYE at once', 'GREETING', (e) => e.bye('too many connections')],
    ['hanging up', 'LOGIN', (e) => e.cut()],
  ];
  test.for(WAYS)('further ones are refused by %s', { timeout: 240_000 }, async ([name, command, refuse]) => {
    const server = await startScriptedImap({ capabilities: 'IMAP4rev1 IDLE' });
    servers.push(server);
    for (let n = 0; n < 600; n += 1) server.deliver(n % 3 === 0 ? 'Archive' : 'INBOX', mail(n));
    const grantId = await mailquay.connect({
      username: `one-${name.replaceAll(' ', '-')}`,
      password: 'pass',
      port: server.port,
    });
    server.on(command, limited(server, 1, refuse));
    await mailquay.synced(grantId);
    await expectLike(mailquay, grantId, server);
    // Over several turns of watching and work, new mail goes on getting in.
    for (let n = 0; n < 2; n += 1) {
      server.deliver('INBOX', mail(`new ${n}`));
      server.setFlags('INBOX', 2, n % 2 ? ['\\Seen'] : []);
      await expectLike(mailquay, grantId, server);
      await new Promise((resolve) => setTimeout(resolve, 1_800));
    }
    expect(await syncState(mailquay, grantId)).toMatchObject({ status: 'valid', failures: 0 });
  });
});
