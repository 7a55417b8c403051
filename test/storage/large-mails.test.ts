/** Several large mails at once: they arrive whole, memory stays bounded, and everybody else is answered meanwhile. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { Child } from '../support/child.ts';
import { engineSql } from '../support/engine-sql.ts';
import { eventually } from '../support/eventually.ts';
import { freshDatabase } from '../support/test-database.ts';
import { leaveOut } from './small-disk.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const MAILS = process.env.LONG ? 10 : 6;
/** What most providers take; `npm run storage` has ten of 50 (RS1). */
const MAIL_MEGABYTES = Number(process.env.STORAGE_MAIL_MEGABYTES ?? 25);
/**
 * What the process may gain, in MB: two large mails are on their way at a time, each in memory some five times
 * (src/providers/imap/whole-messages.ts), and what the runtime has not given back yet. Ten of 35 at once took 650.
 */
const GROWTH_MEGABYTES = 2 * 5 * MAIL_MEGABYTES + 150;
/**
 * 99 of 100 turns of the event loop begin no later than this, in s: what everybody else waits for us. It was 1.5 with six
 * programs for each processor.
 */
const LAG_P99_S = 4;
/** A cheap request, in ms. Few are sent, so this is nearly the slowest, on a machine that tests and mail server share. */
const P99_MS = 10_000;

const suite = () => {
  let dovecot: Dovecot;
  let database: { url: string; drop: () => Promise<void> };
  let child: Child;
  const users = Array.from({ length: MAILS }, (_, n) => `large${n}@mailquay.example`);
  const grants: string[] = [];

  beforeAll(async () => {
    [dovecot, database] = await Promise.all([startDovecot(), freshDatabase()]);
    child = new Child(database.url);
    await child.ready();
    for (const user of users)
      grants.push(await child.connect({ ...dovecot.user(user), port: dovecot.imapPort }));
    await eventually(
      async () => expect(await sql(`SELECT 1 FROM sync_states WHERE phase = 'live'`)).toHaveLength(MAILS),
      60_000,
    );
  });
  afterAll(async () => {
    await child?.kill();
    await database?.drop();
    await dovecot?.stop();
  });

  const sql = <T>(text: string) => engineSql<T>(database.url, text);

  test(`${MAILS} mails of ${MAIL_MEGABYTES} MB at once (RS1)`, async ({ annotate }) => {
    const mails = users.map((user) => ({ user, raw: largeAttachment(user) }));
    const digests = mails.map(({ raw }) => digestOf(raw));
    const before = memory(child, 'VmRSS');
    forgetPeak(child);
    await lagP99(child);
    const stored = () =>
      sql<{ id: string; grant: string; sha256: string }>(
        `SELECT id, grant_id AS grant, encode(sha256, 'hex') AS sha256 FROM messages`,
      );
    let arrived = false;
    const arriving = Promise.all(mails.map(({ user, raw }) => dovecot.append(user, 'INBOX', raw)))
      .then(() => eventually(async () => expect(await stored()).toHaveLength(MAILS), 200_000))
      .finally(() => {
        arrived = true;
      });
    const times: number[] = [];
    for (; !arrived; await sleep(20)) {
      const began = performance.now();
      const { status } = await child.call('GET', `/v3/grants/${grants[0]}`);
      times.push(performance.now() - began);
      expect(status).toBe(200);
    }
    await arriving;
    const lag = await lagP99(child);
    const taken = memory(child, 'VmHWM') - before;
    forgetPeak(child);
    const rows = await stored();
    expect(rows.map(({ sha256 }) => sha256).sort()).toEqual(digests.sort());
    const given = await Promise.all(
      rows.map(({ grant, id, sha256 }) => originalOf(child, grant, id, sha256)),
    );
    expect(given).toEqual(rows.map(({ sha256 }) => sha256));
    const read = memory(child, 'VmHWM') - before;
    const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] as number;
    await annotate(
      `${Math.round(taken)} MB to take them in, ${Math.round(read)} MB to hand them out, on top of ${Math.round(before)} MB; p99 ${Math.round(p99)} ms of ${times.length} requests, lag ${lag} s`,
    );
    expect(taken).toBeLessThan(GROWTH_MEGABYTES);
    expect(read).toBeLessThan(GROWTH_MEGABYTES);
    expect(lag).toBeLessThan(LAG_P99_S);
    expect(p99).toBeLessThan(P99_MS);
    expect(child.running).toBe(true);
  });
};

if (process.platform === 'linux') describeWithTestbed('large mails', suite);
else leaveOut('large mails', 'only Linux tells the peak of the memory of a process', suite);

/** In MB; `VmHWM` is the peak. */
function memory({ pid }: Child, what: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

function forgetPeak({ pid }: Child): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Of the event loop since it was asked last, in s. */
async function lagP99(child: Child): Promise<number> {
  const { text } = await child.call('GET', '/metrics');
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1]);
}

/** The digest of the original of a mail as the API hands it out, read as it comes. */
async function originalOf(child: Child, grant: string, id: string, name: string): Promise<string> {
  const response = await fetch(`${child.origin}/v3/grants/${grant}/messages/${id}?fields=raw_mime`, {
    headers: { authorization: `Bearer ${child.apiKey}`, 'accept-encoding': 'identity' },
  });
  const text = await response.text();
  const raw = /"raw_mime":"([\w-]*)"/.exec(text)?.[1];
  if (raw === undefined) throw new Error(`${name}: ${response.status} ${text.slice(0, 300)}`);
  return digestOf(Buffer.from(raw, 'base64url'));
}

/** A mail with an attachment that nothing makes smaller. */
function largeAttachment(name: string): Buffer {
  const bytes = Math.floor((MAIL_MEGABYTES * 1024 * 1024 * 19 * 3) / (20 * 4));
  const content = randomBytes(bytes).toString('base64').replace(/.{76}/g, '$&\r\n');
  return Buffer.from(
    [
      `From: friend@example.org\r\nTo: ${name}\r\nSubject: large\r\nMIME-Version: 1.0`,
      'Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--cut',
      'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64',
      `Content-Disposition: attachment; filename=film.bin\r\n\r\n${content}\r\n--cut--\r\n`,
    ].join('\r\n'),
  );
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
