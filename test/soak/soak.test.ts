/** Several mailboxes under steady change: everything arrives and nothing grows. `npm run soak` is the long form. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { startDovecot } from '../../testbed/dovecot.ts';
import { eventually, startMailquay } from '../support/mailquay.ts';

const SECONDS = Number(process.env.MAILQUAY_SOAK_SECONDS ?? 8);
const GRANTS = Number(process.env.MAILQUAY_SOAK_GRANTS ?? 4);
/** What the process may gain between the first third and the end, in MiB, beside what the runtime itself takes. */
const GROWTH_MIB = 96;

describeWithTestbed('soak', () => {
  it(
    `${GRANTS} mailboxes for ${SECONDS} s lose nothing and leave nothing behind`,
    async () => {
      const dovecot = await startDovecot();
      const mailquay = await startMailquay();
      try {
        const users = Array.from({ length: GRANTS }, (_, i) => `soak${i}@mailquay.example`);
        const grants: string[] = [];
        for (const user of users) {
          const { username, password } = dovecot.user(user);
          grants.push(await mailquay.connect({ username, password, port: dovecot.imapPort }));
        }
        for (const grant of grants) await mailquay.synced(grant);
        const began = Date.now();
        const sent = new Array<number>(GRANTS).fill(0);
        let early = 0;
        let resources = 0;
        for (let n = 0; Date.now() - began < SECONDS * 1000; n += 1) {
          const i = n % GRANTS;
          await dovecot.deliver(users[i] as string, mail(n));
          sent[i] = (sent[i] ?? 0) + 1;
          if (n % 50 === 49) await dovecot.kick(users[i] as string);
          if (early === 0 && Date.now() - began > (SECONDS * 1000) / 3) {
            early = process.memoryUsage().rss;
            resources = process.getActiveResourcesInfo().length;
          }
          await sleep(20);
        }
        for (const [i, grant] of grants.entries()) {
          await eventually(async () => {
            const [row] = await mailquay.sql<{ count: number }>(
              'SELECT count(*) AS count FROM messages WHERE grant_id = $1',
              [grant],
            );
            expect(row?.count).toBe(sent[i]);
          }, 60_000);
        }
        const [doubled] = await mailquay.sql<{ count: number }>(
          `SELECT count(*) AS count FROM (SELECT object_id FROM events WHERE type = 'message.created'
           GROUP BY grant_id, object_id HAVING count(*) > 1) d`,
        );
        expect(doubled?.count).toBe(0);
        expect((process.memoryUsage().rss - early) / 2 ** 20).toBeLessThan(GROWTH_MIB);
        expect(process.getActiveResourcesInfo().length).toBeLessThan(resources + 5 * GRANTS + 20);
      } finally {
        await mailquay.stop();
        await dovecot.stop();
      }
    },
    SECONDS * 1000 + 180_000,
  );
});

function mail(n: number): Buffer {
  return Buffer.from(
    `From: friend@example.org\r\nTo: soak@mailquay.example\r\nSubject: soak ${n}\r\n` +
      `Message-ID: <soak-${n}@example.org>\r\n\r\nNumber ${n}.\r\n`,
  );
}
