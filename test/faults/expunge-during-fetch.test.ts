/** SY3: another client expunges while we fetch. No mail may land under another's number, and nothing is given up. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail } from '../support/scripted-truth.ts';

const CAPABILITIES: [string, string | undefined][] = [
  ['QRESYNC', undefined],
  ['CONDSTORE', 'IMAP4rev1 IDLE ENABLE CONDSTORE UIDPLUS'],
  ['bare', 'IMAP4rev1'],
];

describe('expunges during a fetch', { timeout: 240_000 }, () => {
  let mailquay: TestMailquay;
  let server: ScriptedImap;
  beforeAll(async () => {
    mailquay = await startMailquay();
  });
  afterAll(() => mailquay?.stop());
  afterEach(() => server?.stop());

  test.for(CAPABILITIES)('%s', async ([name, capabilities]) => {
    server = await startScriptedImap({ capabilities });
    for (let n = 0; n < 700; n += 1) server.deliver('INBOX', mail(n));
    let expunged = 0;
    // Before the rows, between the rows and after them, lines about expunges come in (also where they may not).
    server.on('FETCH', (exchange) =>
      exchange.edit((reply) => {
        if (exchange.session.view?.folder.name !== 'INBOX' || expunged > 150) return;
        const { messages } = server.model.folder('INBOX');
        const gone = [3, 50, messages.length - 2].flatMap((at) => messages[at]?.uid ?? []);
        server.expunge('INBOX', ...gone);
        expunged += gone.length;
        reply.untagged.splice(Math.floor(reply.untagged.length / 2), 0, ...exchange.session.changes());
      }),
    );
    const grantId = await mailquay.connect({ username: `sy3-${name}`, password: 'pass', port: server.port });
    await mailquay.synced(grantId);
    await expectLike(mailquay, grantId, server);
    expect(expunged).toBeGreaterThan(0);
    for (let n = 700; n < 720; n += 1) server.deliver('INBOX', mail(n));
    await expectLike(mailquay, grantId, server);
  });
});
