/**
 * SY5: the network cuts connections at random bytes, again and again, against real Dovecot. No part of a mail is ever
 * stored as the whole, the sync converges, and no mail stays parked for what the network did.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { expectInStep } from '../support/checker.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { soon, syncState } from '../support/scripted-truth.ts';

const SEED = Number(
  process.env.CUT_SEED ?? (process.env.CUTS ? Math.floor(Math.random() * 1e9) : 20_261_124),
);
const CUTS = Number(process.env.CUTS ?? 15);

describeWithTestbed('connections cut at random bytes', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let proxy: FaultProxy;
  const user = 'cut@mailquay.example';
  beforeAll(async () => {
    mailquay = await startMailquay({ timings: { backoff: 10 } });
    dovecot = await startDovecot();
    proxy = await startFaultProxy({ target: { port: dovecot.imapPort } });
  });
  afterAll(async () => {
    await mailquay?.stop();
    await proxy?.stop();
    await dovecot?.stop();
  });

  test('never leave a truncated mail, and the sync converges', { timeout: 300_000 }, async ({ annotate }) => {
    await annotate(`CUT_SEED=${SEED}`);
    const random = randomFrom(SEED);
    const { bytes } = await fillMaildir(dovecot, user, 'INBOX', 400, { seed: SEED });
    await fillMaildir(dovecot, user, 'Sent', 60, { seed: SEED + 1 });
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: proxy.port });
    const cut = () => {
      // Early in the dialogue, within the first mails, or late in a chunk.
      const most = random() < 0.5 ? 20_000 : bytes;
      proxy.cutAfter(1 + Math.floor(random() * most), 'down', { reset: random() < 0.5 });
    };
    let cuts = 0;
    const end = Date.now() + 15_000;
    while (cuts < CUTS && Date.now() < end) {
      const closed = proxy.connections - proxy.open.size;
      cut();
      await soon(() => {
        if (proxy.connections - proxy.open.size === closed) throw new Error('not yet');
      }, 500).catch(() => {});
      cuts += 1;
      if (cuts % 5 === 0)
        await dovecot.append(user, 'INBOX', Buffer.from(`Subject: live ${cuts}\r\n\r\nlive ${cuts}\r\n`));
      // All that is stored is whole, whatever the moment; the rest of the proof is the checker's below.
      proxy.clear();
    }
    expect(cuts).toBeGreaterThan(5);
    await mailquay.recovered(grantId);
    await expectInStep({ mailquay, dovecot, user, grantId }, { ms: 170_000 });
    await mailquay.synced(grantId);
    await soon(async () => {
      expect(await mailquay.sql('SELECT uid, attempts, reason FROM sync_failures WHERE parked')).toEqual([]);
    });
    const [grant] = await mailquay.sql<{ status: string }>('SELECT status FROM grants WHERE id = $1', [
      grantId,
    ]);
    expect(grant?.status).toBe('valid');
  });

  test('a line so bad that no connection lives for long still gets the mail through', {
    timeout: 120_000,
  }, async () => {
    const person = 'badline@mailquay.example';
    await fillMaildir(dovecot, person, 'INBOX', 80, { seed: SEED + 2 });
    // Every connection dies after 60 kB: no slice of 80 mails ever fits into one.
    proxy.cutAfter(60_000, 'down', { times: 1_000 });
    const grantId = await mailquay.connect({ ...dovecot.user(person), port: proxy.port });
    let most = 0;
    await soon(async () => {
      most = Math.max(most, (await syncState(mailquay, grantId))?.failures ?? 0);
      const [row] = await mailquay.sql<{ count: number }>(
        'SELECT count(*) AS count FROM messages WHERE grant_id = $1 AND parse_error IS NULL',
        [grantId],
      );
      expect(row?.count).toBeGreaterThan(40);
    });
    // Sessions that store mail before they break do not make the next one wait ever longer.
    expect(most).toBeLessThan(5);
    proxy.clear();
    await mailquay.recovered(grantId);
    await expectInStep({ mailquay, dovecot, user: person, grantId });
  });
});
