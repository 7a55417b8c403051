/**
 * SY14: a mailbox with hundreds of folders and one large one. Memory stays bounded, the newest mail comes first, the API
 * answers meanwhile, and a process that is killed on the way is carried on by the next.
 * `LARGE_MAILBOX=200000` is the long form.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { bareClient } from '../support/bare-client.ts';
import type { Checked } from '../support/checker/copy.ts';
import { copiesOf, eventsOf } from '../support/checker/stored.ts';
import { truthOf } from '../support/checker/truth.ts';
import { besideChild, Child } from '../support/child.ts';
import { forgetLeases } from '../support/engine-sql.ts';
import { eventually } from '../support/eventually.ts';
import { freshDatabase } from '../support/test-database.ts';

const MAILS = Number(process.env.LARGE_MAILBOX ?? 4_000);
const FOLDERS = Number(process.env.LARGE_FOLDERS ?? 200);
/** What a first sync may take beyond what the process has when it is ready, in bytes: whatever the size of the mailbox. */
const MEMORY = 600 * 2 ** 20;
/** A list is asked for this often meanwhile, and answered within this on the median, in ms. */
const ASK_EVERY_MS = 250;
const ANSWERED_MS = 2_000;
/** The first page is there within this, however much is still to come, in ms. */
const READABLE_MS = 60_000;
const SYNCED_MS = 120_000 + MAILS * 10;

vi.setConfig({ testTimeout: 2 * SYNCED_MS, hookTimeout: SYNCED_MS });

describeWithTestbed(`${FOLDERS} folders, and ${MAILS} mails in one`, () => {
  let dovecot: Dovecot;
  let database: { url: string; drop: () => Promise<void> };
  let child: Child;
  const user = 'large@mailquay.example';

  beforeAll(async () => {
    [dovecot, database] = await Promise.all([startDovecot(), freshDatabase()]);
    child = new Child(database.url);
    await fillMaildir(dovecot, user, 'INBOX', MAILS, { make: shortMail });
    const client = await bareClient(dovecot, user);
    for (let n = 0; n < FOLDERS; n += 1) {
      const folder = `Area ${n % 10}/Folder ${n}`;
      await client.mailboxCreate(folder);
      await client.append(folder, shortMail(MAILS + n).raw);
    }
    client.close();
    await child.ready();
  });
  afterAll(async () => {
    if (child?.running) await child.kill();
    await database?.drop();
    await dovecot?.stop();
  });

  test('are synced from the newest on, with memory bounded and the API at hand, through a kill', async ({
    annotate,
  }) => {
    const mailquay = besideChild(database, () => child);
    const began = performance.now();
    const atRest = [memoryOf(child).now];
    const grantId = await child.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    const checked: Checked = { mailquay, dovecot, user, grantId };
    const inbox = await eventually(async () => {
      const [row] = await mailquay.sql<{ id: string }>(
        `SELECT id FROM folders WHERE grant_id = $1 AND path = 'INBOX'`,
        [grantId],
      );
      if (!row) throw new Error('no inbox yet');
      return row.id;
    }, READABLE_MS);
    const list = `/v3/grants/${grantId}/messages?in=${inbox}&limit=50&select=id,subject`;
    const newest = Array.from({ length: 50 }, (_, n) => subjectOf(MAILS - 1 - n));
    const subjects = async () => {
      const { body } = await child.call('GET', list);
      return (body as { data: { subject: string }[] } | undefined)?.data.map(({ subject }) => subject);
    };
    await eventually(async () => expect(await subjects()).toEqual(newest), READABLE_MS);
    const readable = performance.now() - began;

    /** UIDs of the inbox that are stored; they are 1 to MAILS, oldest first. */
    const stored = async () => {
      const [row] = await mailquay.sql<{ n: number; lowest: number; highest: number }>(
        `SELECT count(*) AS n, min(uid) AS lowest, max(uid) AS highest FROM message_locations l
         JOIN folders f ON f.grant_id = l.grant_id AND f.id = l.folder_id WHERE l.grant_id = $1 AND f.id = $2`,
        [grantId, inbox],
      );
      return row ?? { n: 0, lowest: 0, highest: 0 };
    };
    const phase = async () => {
      const [row] = await mailquay.sql<{ phase: string }>(
        'SELECT phase FROM sync_states WHERE grant_id = $1',
        [grantId],
      );
      return row?.phase;
    };
    const waits: number[] = [];
    const looks: { n: number; lowest: number; highest: number }[] = [];
    const peaks: number[] = [];
    let killedAt = 0;
    for (const end = performance.now() + SYNCED_MS; (await phase()) !== 'live'; ) {
      if (performance.now() > end) throw new Error(`not synced in time: ${JSON.stringify(looks.at(-1))}`);
      const asked = performance.now();
      expect(await subjects()).toEqual(newest);
      waits.push(performance.now() - asked);
      const look = await stored();
      looks.push(look);
      if (killedAt === 0 && look.n > MAILS / 3) {
        peaks.push(memoryOf(child).peak);
        await child.kill();
        killedAt = (await stored()).n;
        await forgetLeases(database.url);
        child = new Child(database.url);
        await child.ready();
        atRest.push(memoryOf(child).now);
      }
      await sleep(ASK_EVERY_MS);
    }
    peaks.push(memoryOf(child).peak);
    const took = performance.now() - began;

    expect(killedAt, 'the kill was to come in the middle').toBeGreaterThan(MAILS / 3);
    for (const { n, lowest, highest } of looks) {
      // Newest first and without holes, and after the kill nothing is begun again.
      expect([highest, n]).toEqual([MAILS, MAILS - lowest + 1]);
    }
    const counts = looks.map(({ n }) => n);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    const more = peaks.map((peak, life) => peak - (atRest[life] as number));
    waits.sort((a, b) => a - b);
    const median = waits[waits.length >> 1] as number;
    const slowest = waits.at(-1) as number;
    await annotate(
      `${MAILS} + ${FOLDERS} mails in ${Math.round(took / 1000)} s with a kill after ${killedAt}; the first page after ` +
        `${Math.round(readable)} ms; lists in ${Math.round(median)} ms (median), ${Math.round(slowest)} ms (slowest of ` +
        `${waits.length}); at the peak ${more.map((bytes) => Math.round(bytes / 2 ** 20)).join(' and ')} MB more than at rest`,
    );
    for (const bytes of more) expect(bytes).toBeLessThan(MEMORY);
    expect(median).toBeLessThan(ANSWERED_MS);

    // Every copy with its flags, and none twice. Bytes are compared where mailboxes are small.
    const key = (c: { folder: string; uid: number; flags: string }) => `${c.folder}/${c.uid} ${c.flags}`;
    const theirs = (await truthOf(checked)).copies.map(key).sort();
    const ours = (await copiesOf(checked)).map(key).sort();
    expect(ours).toHaveLength(MAILS + FOLDERS);
    expect(ours.filter((copy, n) => copy !== theirs[n])).toEqual([]);
    expect(await eventsOf(checked, 'message.%')).toEqual([]);
    await dovecot.append(user, 'Area 3/Folder 63', Buffer.from('Subject: one more\r\n\r\nx\r\n'));
    await eventually(async () => expect(await eventsOf(checked, 'message.created')).toHaveLength(1), 60_000);
  });
});

/** Memory of a process, in bytes. */
function memoryOf({ pid }: Child): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
}

function subjectOf(n: number): string {
  return `Mail ${n} of the large mailbox`;
}

/** Short, since it is their number that counts; each third answers the one before. */
function shortMail(n: number) {
  const reply = n % 3 === 2 ? `In-Reply-To: <${n - 1}@large.example>\r\n` : '';
  const raw =
    `From: Sender ${n % 97} <sender${n % 97}@large.example>\r\nTo: large@mailquay.example\r\nSubject: ${subjectOf(n)}\r\n` +
    `Message-ID: <${n}@large.example>\r\n${reply}Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\n` +
    `${`Line of mail ${n}, with words enough to be found by.\r\n`.repeat(1 + (n % 8))}`;
  return {
    raw: Buffer.from(raw),
    messageId: `<${n}@large.example>`,
    subject: subjectOf(n),
    thread: n,
    kind: 'plain' as const,
  };
}
