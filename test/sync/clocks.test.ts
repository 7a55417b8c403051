/** SY24: dates are the mail server's and leases the database's; what our own clock says is no matter. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { capabilitiesWithout, type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { allOf } from '../support/all-pages.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { besideChild, Child } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { freshDatabase } from '../support/test-database.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

const WALL_CLOCK = new URL('../support/wall-clock.ts', import.meta.url).href;
/** A killed process is replaced within this, in ms. */
const TAKEN_OVER_MS = 30_000;
/** What no hint tells of is found at the next poll, in ms. */
const POLLED_MS = 45_000;

describeWithTestbed('clocks', () => {
  let dovecot: Dovecot;
  let database: { url: string; drop: () => Promise<void> };
  const children: Child[] = [];
  beforeAll(async () => {
    // Without NOTIFY, what happens outside of the inbox is found by polling.
    dovecot = await startDovecot({ capabilities: capabilitiesWithout('NOTIFY') });
    database = await freshDatabase();
  });
  afterEach(async () => {
    await Promise.all(children.filter((child) => child.running).map((child) => child.kill()));
    await database.drop();
    database = await freshDatabase();
  });
  afterAll(async () => {
    await database?.drop();
    await dovecot?.stop();
  });

  /** A mailquay whose clock is off, and jumps at SIGUSR2. */
  const start = async (hours: number, jumpHours = 0) => {
    const child = new Child(database.url, {
      env: {
        NODE_OPTIONS: `--import=${WALL_CLOCK}`,
        WALL_CLOCK_HOURS: `${hours}`,
        WALL_CLOCK_JUMP_HOURS: `${jumpHours}`,
      },
    });
    children.push(child);
    await child.ready();
    return child;
  };
  const connect = async (child: Child, user: string): Promise<Checked> => {
    const grantId = await child.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    return { mailquay: besideChild(database, () => child), dovecot, user, grantId };
  };

  test('mails of 1970 and 2106, and senders without a calendar: the order is by what the server says', async () => {
    const user = 'ages@mailquay.example';
    const dates = ['Thu, 1 Jan 0001 00:00:00 +0000', 'Fri, 31 Dec 9999 23:59:59 -1200', 'yesterday', ''];
    const received = [
      '1970-01-01T00:00:01Z',
      '1970-01-02T00:00:00Z',
      '1999-12-31T23:59:59Z',
      '2026-11-01T12:00:00Z',
      '2038-01-19T03:14:08Z',
      '2106-02-07T06:28:14Z',
      '2106-02-07T06:28:15Z',
    ];
    for (const [i, date] of [...received, ...received].entries()) {
      const header = dates[i % dates.length];
      const raw = `Subject: ${date} ${i}\r\nMessage-ID: <${i}@ages>\r\n${header ? `Date: ${header}\r\n` : ''}\r\nages ${i}\r\n`;
      // By its file, since Dovecot takes no date in the future from APPEND.
      const made = {
        raw: Buffer.from(raw),
        messageId: `<${i}@ages>`,
        subject: date,
        thread: i,
        kind: 'plain' as const,
      };
      await fillMaildir(dovecot, user, 'INBOX', 1, { to: new Date(date), make: () => made });
    }
    const child = await start(0);
    const checked = await connect(child, user);
    await expectInStep(checked);
    const seconds = [...received, ...received].map((date) => Date.parse(date) / 1000).sort((a, b) => b - a);
    const list = `/v3/grants/${checked.grantId}/messages`;
    type Dated = { id: string; date: number };
    const folders = await allOf<{ id: string; name: string }>(
      checked.mailquay,
      `/v3/grants/${checked.grantId}/folders`,
    );
    const inbox = folders.find(({ name }) => name === 'INBOX');
    for (const query of ['', '?q=ages', `?in=${inbox?.id}`]) {
      const found = await allOf<Dated>(checked.mailquay, list + query);
      expect(new Set(found.map(({ id }) => id)).size, query).toBe(seconds.length);
      if (query !== '?q=ages') expect(found.map(({ date }) => date)).toEqual(seconds);
    }
    // Page by page, two at a time, which ends in the middle of mails of one second.
    const paged: number[] = [];
    let token = '';
    do {
      const page = `${list}?limit=3${token ? `&page_token=${encodeURIComponent(token)}` : ''}`;
      const { body } = await checked.mailquay.get<{ data: Dated[]; next_cursor?: string }>(page);
      paged.push(...body.data.map(({ date }) => date));
      token = body.next_cursor ?? '';
      // New mail does not move what is still to come.
      if (paged.length === 3)
        await dovecot.append(user, 'Archive', Buffer.from('Subject: in between\r\n\r\nx\r\n'));
    } while (token);
    expect(paged).toEqual(seconds);
    const last = await allOf<Dated>(checked.mailquay, `${list}?received_after=4294967293`);
    expect(last).toHaveLength(4);
    const first = await allOf<Dated>(checked.mailquay, `${list}?received_before=86401`);
    expect(first).toHaveLength(4);
    const threads = await allOf<{ latest_message_received_date: number }>(
      checked.mailquay,
      `/v3/grants/${checked.grantId}/threads?in=${inbox?.id}`,
    );
    const latest = threads.map((thread) => thread.latest_message_received_date);
    expect(latest).toEqual(latest.toSorted((a, b) => b - a));
    expect(latest[0]).toBe(seconds[0]);
  });

  test('two processes, one a day behind and one a day ahead: they share, and replace each other', async () => {
    const behind = await start(-24);
    const boxes: Checked[] = [];
    for (const n of [1, 2]) {
      const user = `day${n}@mailquay.example`;
      await fillMaildir(dovecot, user, 'INBOX', 30, { seed: n });
      boxes.push(await connect(behind, user));
    }
    for (const box of boxes) await expectInStep(box);
    const since = await Promise.all(boxes.map(snapshot));
    const sql = boxes[0]?.mailquay.sql as Checked['mailquay']['sql'];
    const held = async () => {
      const rows = await sql<{ n: number }>(
        'SELECT count(*) AS n FROM leases WHERE expires_at > now() GROUP BY owner',
      );
      return rows.map(({ n }) => n);
    };
    const owners = () => sql('SELECT grant_id, owner, token FROM leases ORDER BY 1');
    const ahead = await start(24);
    await eventually(async () => expect(await held()).toEqual([1, 1]), TAKEN_OVER_MS);
    const shared = await owners();
    const deliver = async (subject: string) => {
      for (const { user } of boxes)
        await dovecot.append(user, 'INBOX', Buffer.from(`Subject: ${subject}\r\n\r\n${user}\r\n`));
    };
    const inStep = async () => {
      for (const [i, box] of boxes.entries()) await expectInStep(box, { since: since[i] });
    };
    await deliver('both');
    await inStep();
    expect(await owners()).toEqual(shared);
    await ahead.kill();
    await deliver('one');
    await eventually(async () => expect(await held()).toEqual([2]), TAKEN_OVER_MS);
    await inStep();
    for (const box of boxes) expect(await eventsOf(box, 'message.created')).toHaveLength(2);
  });

  // In `npm run storage` alone: it must wait for what no hint tells.
  test.for(process.env.LONG ? [-24, 24] : [])(
    'the clock jumps %i hours while it runs: mail and deletions are found all the same',
    async (hours) => {
      const user = `jump${hours}@mailquay.example`;
      await fillMaildir(dovecot, user, 'INBOX', 30, { seed: 1 });
      await fillMaildir(dovecot, user, 'Archive', 30, { seed: 2 });
      const child = await start(0, hours);
      const checked = await connect(child, user);
      await expectInStep(checked);
      const since = await snapshot(checked);
      child.signal('SIGUSR2');
      await dovecot.append(user, 'Archive', Buffer.from('Subject: after the jump\r\n\r\nx\r\n'));
      await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'Archive', 'uid', '3:5');
      await dovecot.doveadm('move', '-u', user, 'Archive', 'mailbox', 'INBOX', 'uid', '7');
      await expectInStep(checked, { since, ms: POLLED_MS });
      // What was marked by the old clock and is settled by the new one, and a page token of before, too.
      await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'Archive', 'uid', '6:8');
      await expectInStep(checked, { since, ms: POLLED_MS });
      expect(await eventsOf(checked, 'message.deleted')).toHaveLength(6);
      expect(await eventsOf(checked, 'message.created')).toHaveLength(1);
    },
  );
});
