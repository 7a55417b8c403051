/** SY8: VANISHED in every shape. Only what the server no longer has goes; a wide range costs nothing. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { faults, type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail, messageEvents, soon } from '../support/scripted-truth.ts';

describe('VANISHED', { timeout: 240_000 }, () => {
  let mailquay: TestMailquay;
  let server: ScriptedImap;
  let grantId: string;
  beforeAll(async () => {
    mailquay = await startMailquay();
  });
  afterAll(() => mailquay?.stop());
  afterEach(() => server?.stop());

  const connected = async (name: string) => {
    server = await startScriptedImap();
    for (let n = 0; n < 40; n += 1) server.deliver('INBOX', mail(n));
    grantId = await mailquay.connect({ username: `sy8-${name}`, password: 'pass', port: server.port });
    await mailquay.synced(grantId);
    await expectLike(mailquay, grantId, server);
  };

  const LIES: [string, string[]][] = [
    ['a range wider than any mailbox', ['* VANISHED (EARLIER) 1:4294967295']],
    [
      'several lines that overlap',
      ['* VANISHED (EARLIER) 1:10,20', '* VANISHED (EARLIER) 5:4294967295', '* VANISHED 1:40'],
    ],
    [
      'nonsense',
      [
        '* VANISHED (EARLIER)',
        '* VANISHED (EARLIER) 0',
        '* VANISHED (EARLIER) 9:1,x,*',
        '* VANISHED 99999999999',
      ],
    ],
    ['a thousand lines', Array.from({ length: 1_000 }, (_, n) => `* VANISHED (EARLIER) ${n + 1}:4294967295`)],
  ];
  test.for(LIES)('%s removes only what is gone', async ([name, lines]) => {
    await connected(name.replaceAll(' ', '-'));
    server.on('FETCH', faults.addLines(...lines));
    const lag = watchLag();
    server.expunge('INBOX', 7, 8);
    server.setFlags('INBOX', 9, ['\\Seen']);
    server.deliver('INBOX', mail('new'));
    await expectLike(mailquay, grantId, server);
    expect(lag()).toBeLessThan(1_000);
    await soon(async () =>
      expect(await messageEvents(mailquay, grantId)).toEqual({
        'message.created': 1,
        'message.deleted': 2,
        'message.updated': 1,
      }),
    );
    server.clearHooks();
    server.deliver('INBOX', mail('newer'));
    await expectLike(mailquay, grantId, server);
  });

  test('in IDLE, without a word of truth in it', async () => {
    await connected('idle');
    await server.waitUntil(() => server.idling('INBOX') > 0);
    for (const session of server.sessions) {
      if (session.idling) await session.wire.write('* VANISHED 1:4294967295\r\n* VANISHED (EARLIER) 3,4\r\n');
    }
    server.deliver('INBOX', mail('new'));
    await expectLike(mailquay, grantId, server);
    expect((await messageEvents(mailquay, grantId))['message.deleted'] ?? 0).toBe(0);
  });
});

/** The longest time, in ms, for which the event loop was held. */
function watchLag(): () => number {
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last - 20);
    last = performance.now();
  }, 20);
  return () => {
    clearInterval(timer);
    return longest;
  };
}
