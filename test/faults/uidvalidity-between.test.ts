/** SY2: UIDVALIDITY changes between SELECT and FETCH. Nothing may be stored under the old one. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { faults, type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail, messageEvents, storedCopies } from '../support/scripted-truth.ts';

describe('UIDVALIDITY changes between SELECT and FETCH', { timeout: 240_000 }, () => {
  let mailquay: TestMailquay;
  let server: ScriptedImap;
  beforeAll(async () => {
    mailquay = await startMailquay();
  });
  afterAll(() => mailquay?.stop());
  afterEach(() => server?.stop());

  const cases = ['QRESYNC', 'bare'].flatMap((kind) => [true, false].map((told) => ({ kind, told })));
  test.for(cases)('$kind, told to the client: $told', async ({ kind, told }) => {
    server = await startScriptedImap(kind === 'bare' ? { capabilities: 'IMAP4rev1 IDLE' } : {});
    for (let n = 0; n < 120; n += 1) server.deliver('INBOX', mail(n));
    const before = server.model.folder('INBOX').uidValidity;
    // UIDs move too: under the new validity, UID 1 is another mail than before.
    let changed = false;
    server.on('FETCH', async (exchange) => {
      const selected = exchange.session.view?.folder.name === 'INBOX';
      if (changed || !selected || !/BODY\.PEEK\[\]/.test(exchange.command.line)) return exchange.pass();
      changed = true;
      const first = server.model.folder('INBOX').messages.shift();
      if (first) server.model.folder('INBOX').messages.push(first);
      await faults.uidValidityChange('INBOX', told)(exchange);
    });
    const grantId = await mailquay.connect({
      username: `sy2-${kind}-${told}`,
      password: 'pass',
      port: server.port,
    });
    await expectLike(mailquay, grantId, server);
    expect(changed).toBe(true);
    await mailquay.synced(grantId);
    expect((await storedCopies(mailquay, grantId)).filter((copy) => copy.uidValidity === before)).toEqual([]);
    expect((await messageEvents(mailquay, grantId))['message.deleted'] ?? 0).toBe(0);
  });

  test('in live sync: ids stay, nothing is told as new, and what came meanwhile is found', async () => {
    server = await startScriptedImap();
    for (let n = 0; n < 60; n += 1) server.deliver('INBOX', mail(n));
    const grantId = await mailquay.connect({ username: 'sy2-live', password: 'pass', port: server.port });
    await mailquay.synced(grantId);
    await expectLike(mailquay, grantId, server);
    const ids = (await storedCopies(mailquay, grantId)).map((copy) => copy.id).sort();
    server.once('FETCH', faults.uidValidityChange('INBOX', false));
    for (let n = 60; n < 65; n += 1) server.deliver('INBOX', mail(n));
    await expectLike(mailquay, grantId, server);
    const after = new Set((await storedCopies(mailquay, grantId)).map((copy) => copy.id));
    expect(ids.filter((id) => !after.has(id))).toEqual([]);
    expect(await messageEvents(mailquay, grantId)).toEqual({ 'message.created': 5 });
  });
});
