/** mailquay stops in the middle of a first sync, and goes on from there. */
import { expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep } from '../support/checker.ts';
import { eventually, type TestMailquay } from '../support/mailquay.ts';
import { startedForTests } from '../support/started.ts';

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('restart', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  test('in the first sync resumes it; nothing is lost, doubled or read twice', async () => {
    const user = 'ada@mailquay.example';
    await fillMaildir(dovecot, user, 'INBOX', 1_200, { seed: 5 });
    await fillMaildir(dovecot, user, 'Archive', 800, { seed: 6 });
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    const checked: Checked = { mailquay, dovecot, user, grantId };
    const stored = async () => {
      const [row] = await mailquay.sql<{ n: number }>(
        'SELECT count(*) AS n FROM messages WHERE grant_id = $1',
        [grantId],
      );
      return row?.n ?? 0;
    };
    let before = 0;
    for (const enough of [200, 800]) {
      const least = Math.max(before, enough);
      await eventually(async () => expect(await stored()).toBeGreaterThan(least), 60_000);
      await mailquay.restart();
      const after = await stored();
      // It goes on from where it stood: what was there is there.
      expect(after).toBeGreaterThan(least);
      before = after;
    }
    const [phase] = await mailquay.sql<{ phase: string }>(
      'SELECT phase FROM sync_states WHERE grant_id = $1',
      [grantId],
    );
    expect(phase?.phase, 'the restarts were to come before the end of the first sync').toBe('initial');
    await dovecot.append(user, 'INBOX', Buffer.from('Subject: while it ran\r\n\r\nnew\r\n'));
    await mailquay.synced(grantId);
    await expectInStep(checked);
    expect(await eventsOf(checked, 'message.%')).toHaveLength(1);
    expect(await eventsOf(checked, 'grant.imap_sync_completed')).toHaveLength(1);
    // Since the last restart only the rest was fetched.
    const metrics = await (await fetch(`${mailquay.origin}/metrics`)).text();
    const fetched = Number(/^mailquay_messages_stored_total(?:{[^}]*})? (\d+)/m.exec(metrics)?.[1]);
    expect(fetched).toBeLessThanOrEqual(2_001 - before + 250);
  });
});
