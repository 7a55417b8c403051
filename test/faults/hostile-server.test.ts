/** IN10: a hostile IMAP server. Its connection is closed with a reason, memory stays bounded, other grants go on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Handler } from '../support/imap/exchange.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { faults, type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail, soon, syncState } from '../support/scripted-truth.ts';

/** Production's limits, made short. */
const imapTimings = {
  connect: 1_500,
  login: 2_500,
  socket: 1_500,
  command: 2_500,
  select: 2_500,
  list: 2_500,
  scan: 2_500,
  fetch: 2_500,
};

const oversizedRows: Handler = async (exchange) => {
  // Rows without end, each with a body, for mails that nobody asked for and that are not there.
  const block = Buffer.alloc(256 * 1024, 'x');
  for (let uid = 1; ; uid += 1) {
    if (!(await exchange.write(`* 1 FETCH (UID ${uid} FLAGS () BODY[] {${block.length}}\r\n`))) return;
    if (!(await exchange.write(block))) return;
    if (!(await exchange.write(')\r\n'))) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
};

describe('a hostile server', () => {
  let mailquay: TestMailquay;
  let good: ScriptedImap;
  let goodGrant: string;
  let served = 0;
  const servers: ScriptedImap[] = [];
  beforeAll(async () => {
    mailquay = await startMailquay({ timings: { backoff: 300 }, imapTimings });
    good = await startScriptedImap();
    goodGrant = await mailquay.connect({ username: 'good', password: 'pass', port: good.port });
    await mailquay.synced(goodGrant);
  });
  afterAll(async () => {
    await mailquay?.stop();
    for (const server of [...servers, good]) await server?.stop();
  });

  const ATTACKS: [name: string, command: string, attack: Handler][] = [
    ['a literal of 2 GB', 'FETCH', faults.hugeLiteral()],
    [
      'a literal of 2 GB in a LIST',
      'LIST',
      (e) => e.write('* LIST () "/" {2147483648}\r\n').then(() => e.flood('x'.repeat(1_000))),
    ],
    ['a line without end', 'FETCH', faults.endlessLine()],
    ['one byte at a time', 'FETCH', faults.dripping(1, 300)],
    ['one byte at a time from LIST on', 'LIST', faults.dripping(1, 300)],
    ['untagged lines without end', 'FETCH', faults.endlessLines()],
    ['FETCH rows without end', 'FETCH', faults.endlessLines('* 1 FETCH (UID 1 FLAGS (\\Seen))')],
    ['bodies without end', 'FETCH', oversizedRows],
    ['SEARCH results without end', 'SEARCH', faults.endlessLines('* SEARCH 1 2 3 4 5 6 7 8 9')],
    ['folders without end', 'LIST', (e) => e.flood('* LIST () "/" "x"')],
    ['a forged tag', 'FETCH', faults.forgedTag()],
    ['silence at login', 'LOGIN', faults.silence()],
    ['silence at LIST', 'LIST', faults.silence()],
    ['silence at EXAMINE', 'EXAMINE', faults.silence()],
    ['silence at FETCH', 'FETCH', faults.silence()],
    ['BYE at login', 'LOGIN', faults.bye()],
    ['BYE at LIST', 'LIST', faults.bye()],
    ['BYE at EXAMINE', 'EXAMINE', faults.bye()],
    ['BYE at FETCH', 'FETCH', faults.bye('closing for tonight')],
    ['BYE instead of a greeting', 'GREETING', faults.bye()],
    ['silence instead of a greeting', 'GREETING', faults.silence()],
    ['PREAUTH', 'GREETING', (e) => e.write('* PREAUTH you are somebody\r\n').then(() => {})],
    ['noise instead of a greeting', 'GREETING', (e) => e.flood('\x00\xff{99}')],
    [
      'an unbalanced row',
      'FETCH',
      (e) => e.write(`* 1 FETCH (UID 1 ${'('.repeat(100_000)}\r\n`).then(() => e.pass()),
    ],
  ];

  test.concurrent.for(ATTACKS)('%s', { timeout: 240_000 }, async ([name, command, attack]) => {
    const server = await startScriptedImap({ capabilities: 'IMAP4rev1 IDLE' });
    servers.push(server);
    for (let n = 0; n < 10; n += 1) server.deliver('INBOX', mail(n));
    const grantId = await mailquay.connect({
      username: `in10-${name.replaceAll(' ', '-')}`,
      password: 'pass',
      port: server.port,
    });
    // It was a good server when it was connected.
    await mailquay.synced(grantId);
    await expectLike(mailquay, grantId, server);
    const before = process.memoryUsage().rss;
    server.on(command, attack);
    server.deliver('INBOX', mail('bait'));
    server.cutAll();
    await soon(async () => {
      const state = await syncState(mailquay, grantId);
      expect(state?.failures).toBeGreaterThan(0);
      expect(['network', 'protocol', 'busy']).toContain(state?.lastError);
      expect(state?.status).toBe('valid');
    });
    // The others are served meanwhile.
    served += 1;
    good.deliver('INBOX', mail(`good ${served}`));
    await expectLike(mailquay, goodGrant, good);
    expect(process.memoryUsage().rss - before).toBeLessThan(600 * 1024 * 1024);
    // When it comes to its senses, it is in step again.
    server.clearHooks();
    server.cutAll();
    await mailquay.recovered(grantId);
    await expectLike(mailquay, grantId, server);
  });
});
