/** Fewer files and connections than the mailboxes would need: some wait, everybody is answered, nobody is lost, and all go on when there are more. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { Child } from '../support/child.ts';
import { engineSql, forgetLeases } from '../support/engine-sql.ts';
import { eventually } from '../support/eventually.ts';
import { freshDatabase } from '../support/test-database.ts';
import { leaveOut } from './small-disk.ts';

// Quiet, a quarter of a minute; the long form takes many.
vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 1_800_000 });

/** `npm run storage` has 1,000 mailboxes for 256 files (RS2). */
const GRANTS = Number(process.env.STORAGE_GRANTS ?? 40);
const OPEN_FILES = Number(process.env.STORAGE_OPEN_FILES ?? 112);
/** Connected at the same time. */
const AT_ONCE = 8;
const ENOUGH_FILES = 4_096;
/** No more grants are being taken when none was for so long, in ms: twice the time until free ones are looked for. */
const STEADY_MS = 6_000;

const suite = () => {
  let dovecot: Dovecot;
  let database: { url: string; drop: () => Promise<void> };
  let child: Child;
  const grants: string[] = [];
  const users = Array.from({ length: GRANTS }, (_, n) => `files${n}@mailquay.example`);

  const sql = <T>(text: string) => engineSql<T>(database.url, text);

  beforeAll(async () => {
    [dovecot, database] = await Promise.all([startDovecot(), freshDatabase()]);
    child = new Child(database.url);
    await child.ready();
    for (let n = 0; n < GRANTS; n += AT_ONCE) {
      const some = users
        .slice(n, n + AT_ONCE)
        .map((user) => ({ ...dovecot.user(user), port: dovecot.imapPort }));
      grants.push(...(await Promise.all(some.map((login) => child.connect(login)))));
    }
    const live = () => sql(`SELECT 1 FROM sync_states WHERE phase = 'live'`);
    await eventually(async () => expect(await live()).toHaveLength(GRANTS), 60_000 + GRANTS * 500);
    await child.kill();
    await forgetLeases(database.url);
  });
  afterAll(async () => {
    await child?.kill();
    await database?.drop();
    await dovecot?.stop();
  });

  /** Grants that are synced by somebody. */
  const held = async () => (await sql('SELECT 1 FROM leases WHERE expires_at > now()')).length;
  const toldOf = async (subject: string) => {
    const rows = await sql<{ n: number }>(
      `SELECT count(*) AS n FROM events e JOIN messages m ON m.grant_id = e.grant_id AND m.id = e.object_id
       WHERE e.type = 'message.created' AND m.subject = '${subject}' GROUP BY e.grant_id`,
    );
    return rows.map(({ n }) => n);
  };

  test(`${OPEN_FILES} files for ${GRANTS} mailboxes (RS2)`, async ({ annotate }) => {
    child = new Child(database.url);
    await child.ready();
    setOpenFiles(child, OPEN_FILES);
    const answers: Record<string, number> = {};
    let mostFiles = 0;
    let most = 0;
    for (let end = Date.now() + STEADY_MS; Date.now() < end; await sleep(50)) {
      for (const path of ['/readyz', '/v3/grants?limit=5', `/v3/grants/${grants[0]}/messages`]) {
        const status = await getOnNewConnection(child, path);
        answers[status] = (answers[status] ?? 0) + 1;
      }
      mostFiles = Math.max(mostFiles, readdirSync(`/proc/${child.pid}/fd`).length);
      const now = await held();
      if (now > most) end = Date.now() + STEADY_MS;
      most = Math.max(most, now);
    }
    await annotate(`${mostFiles} files, ${most} mailboxes, ${JSON.stringify(answers)}`);
    expect(Object.keys(answers)).toEqual(['200']);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(GRANTS);

    for (const user of users)
      await dovecot.append(user, 'INBOX', Buffer.from(`Subject: meanwhile\r\n\r\n${user}\r\n`));
    setOpenFiles(child, ENOUGH_FILES);
    await eventually(async () => expect(await held()).toBe(GRANTS), 60_000 + GRANTS * 500);
    const once = Array.from({ length: GRANTS }, () => 1);
    await eventually(async () => expect(await toldOf('meanwhile')).toEqual(once), 60_000);
    expect(await sql(`SELECT status FROM grants WHERE status <> 'valid'`)).toEqual([]);
    expect(await sql(`SELECT parse_error FROM messages WHERE parse_error IS NOT NULL`)).toEqual([]);
    expect(child.running).toBe(true);
  });
};

if (process.platform === 'linux') describeWithTestbed('few files', suite);
else leaveOut('few files', 'only Linux changes the limits of a process that runs', suite);

/** The most files and connections that it may have open from now on; more than before as far as its hard limit allows. */
function setOpenFiles({ pid }: Child, most: number): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${most}:`]);
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}

/** The status of an answer to somebody who comes anew; why there was none otherwise. */
function getOnNewConnection(child: Child, path: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${child.apiKey}` };
    const asked = request(child.origin + path, { agent: false, headers, timeout: 10_000 }, (answer) => {
      answer.resume();
      resolve(String(answer.statusCode));
    });
    asked.on('timeout', () => asked.destroy(new Error('too late')));
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end();
  });
}
