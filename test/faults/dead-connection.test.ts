/** SY9: the network swallows everything without a FIN. The dead IDLE is noticed in time, and the mail is found. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_IMAP_TIMINGS, type ImapTimings } from '../../src/providers/imap/connection.ts';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { expectInStep } from '../support/checker.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { soon } from '../support/scripted-truth.ts';

/** Production's timings, a hundred times as fast; polling is off, so that only IDLE can tell. */
const FAST: Partial<ImapTimings> = {
  connect: 1_500,
  login: 3_000,
  socket: 600,
  idleRenewal: 1_200,
  command: 1_500,
};

describeWithTestbed('a blackhole without FIN', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let proxy: FaultProxy;
  const user = 'hole@mailquay.example';
  beforeAll(async () => {
    mailquay = await startMailquay({ timings: { poll: 3_600_000, reconcile: 3_600_000 }, imapTimings: FAST });
    dovecot = await startDovecot();
    proxy = await startFaultProxy({ target: { port: dovecot.imapPort } });
  });
  afterAll(async () => {
    await mailquay?.stop();
    await proxy?.stop();
    await dovecot?.stop();
  });

  test('is noticed within three minutes in production', () => {
    const { socket, idleRenewal } = DEFAULT_IMAP_TIMINGS;
    // In IDLE the socket is probed after one quiet period and given up after the next; or DONE gets no answer.
    expect(Math.max(2 * socket, idleRenewal + socket)).toBeLessThanOrEqual(3 * 60_000);
  });

  test('ends the dead IDLE; the mail that came meanwhile is found', async () => {
    await fillMaildir(dovecot, user, 'INBOX', 20, { seed: 9 });
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: proxy.port });
    await mailquay.synced(grantId);
    await expectInStep({ mailquay, dovecot, user, grantId });
    const before = proxy.connections;
    proxy.blackhole();
    await dovecot.append(user, 'INBOX', Buffer.from('Subject: in the dark\r\n\r\nhello\r\n'));
    proxy.unblackhole();
    const began = Date.now();
    await soon(() => expect(proxy.connections).toBeGreaterThan(before));
    await expectInStep({ mailquay, dovecot, user, grantId });
    // 1.8 s are the 3 minutes at this speed; the rest is for a loaded machine.
    expect(Date.now() - began).toBeLessThan(20_000);
    const [row] = await mailquay.sql<{ status: string }>('SELECT status FROM grants WHERE id = $1', [
      grantId,
    ]);
    expect(row?.status).toBe('valid');
  });

  test('a network that swallows new connections as well is survived', async () => {
    const [grant] = await mailquay.sql<{ id: string }>('SELECT id FROM grants LIMIT 1');
    proxy.blackhole();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await dovecot.append(user, 'INBOX', Buffer.from('Subject: still dark\r\n\r\nhello\r\n'));
    proxy.unblackhole();
    await expectInStep({ mailquay, dovecot, user, grantId: grant?.id ?? '' });
  });
});
