/** SY14, small: 60 folders and one large one; memory stays bounded and the API answers meanwhile. */
import { expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { MailMaker } from '../../testbed/mail-maker.ts';
import { bareClient } from '../support/bare-client.ts';
import type { Checked } from '../support/checker/copy.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import type { TestMailquay } from '../support/mailquay.ts';
import { startedForTests } from '../support/started.ts';

const FOLDERS = 60;
/** What a first sync may take beyond what this process has anyway, in bytes. */
const MEMORY = 600 * 1024 * 1024;

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('many folders', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  test('are all synced, with memory bounded and the API at hand', async () => {
    const user = 'ada@mailquay.example';
    await fillMaildir(dovecot, user, 'INBOX', 1_500, { seed: 1 });
    const maker = new MailMaker(2, user);
    const client = await bareClient(dovecot, user);
    for (let i = 0; i < FOLDERS; i += 1) {
      const folder = `Area ${i % 10}/Folder ${i}`;
      await client.mailboxCreate(folder);
      for (let n = 0; n < 5; n += 1) await client.append(folder, maker.next(new Date(1.79e12 + i)).raw);
    }
    client.close();
    const before = process.memoryUsage().rss;
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    const checked: Checked = { mailquay, dovecot, user, grantId };
    let peak = 0;
    const waits: number[] = [];
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
      const began = performance.now();
      void mailquay.get(`/v3/grants/${grantId}/messages?limit=50`).then(({ status }) => {
        expect(status).toBe(200);
        waits.push(performance.now() - began);
      });
    }, 250);
    try {
      await mailquay.synced(grantId, 120_000);
    } finally {
      clearInterval(watch);
    }
    await expectInStep(checked);
    waits.sort((a, b) => a - b);
    console.log(
      `1,500 + ${FOLDERS} × 5 mails: ${Math.round((peak - before) / 2 ** 20)} MB more at the peak; ` +
        `lists answered in ${Math.round(waits[waits.length >> 1] ?? 0)} ms (median)`,
    );
    expect(peak - before).toBeLessThan(MEMORY);
    expect(waits[waits.length >> 1]).toBeLessThan(2_000);
    const since = await snapshot(checked);
    await dovecot.append(user, 'Area 3/Folder 63', Buffer.from('Subject: one more\r\n\r\nx\r\n'));
    await expectInStep(checked, { since });
  });
});
