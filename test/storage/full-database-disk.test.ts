/** PostgreSQL has no room left on its disk: what is there can be read, nothing is half there, and all goes on when there is room. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, expect, test, vi } from 'vitest';
import { expectInStep, snapshot } from '../support/checker.ts';
import { Child } from '../support/child.ts';
import { forgetLeases } from '../support/engine-sql.ts';
import { eventually } from '../support/eventually.ts';
import { Cluster } from './cluster.ts';
import { largeMail, noise, type Scene, startScene, USER } from './scene.ts';
import { describeOnSmallDisk, SmallDisk } from './small-disk.ts';

// Quiet, each takes a quarter of a minute.
vi.setConfig({ testTimeout: 180_000 });

/** A fresh cluster with its log takes half of it. */
const DISK_MEGABYTES = 160;
const MAILS = 6;
/** No page that is there already has room for it. */
const MAIL_BYTES = 300_000;
/** Below what a request may hold, and above what is left in pages that are there. */
const SIGNATURE_BYTES = 90_000;
/** Long enough for the sync to have tried more than once, in ms. */
const FULL_MS = 3_000;

describeOnSmallDisk('the disk of PostgreSQL is full (ST1)', () => {
  const close: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const one of close.splice(0).reverse()) await one();
  });

  const scenario = async () => {
    const disk = new SmallDisk(DISK_MEGABYTES);
    close.push(() => disk.remove());
    const cluster = await Cluster.start(disk.path);
    close.push(() => cluster.stop());
    const scene = await startScene(new Child(cluster.url), cluster);
    close.push(() => scene.stop());
    return { disk, cluster, scene };
  };
  const deliver = async ({ dovecot }: Scene) => {
    for (let n = 0; n < MAILS; n += 1)
      await dovecot.append(USER, 'INBOX', largeMail(`full ${n}`, n, MAIL_BYTES));
  };

  test('writers are told to come again, reads go on, and the sync waits at its cursor', async () => {
    const { disk, cluster, scene } = await scenario();
    const { grantId, checked, call } = scene;
    const grant = `/v3/grants/${grantId}`;
    const since = await snapshot(checked);
    const cursors = await cursorsOf(scene);
    disk.fill();
    await deliver(scene);
    let signatures = 0;
    for (const end = Date.now() + FULL_MS; Date.now() < end; await sleep(100)) {
      const body = { name: `signature ${signatures}`, body: noise(signatures, SIGNATURE_BYTES) };
      const written = await scene.child.call('POST', `${grant}/signatures`, body);
      if (written.status === 201) signatures += 1;
      else expect([written.status, written.text]).toEqual([503, expect.stringContaining('api.unavailable')]);
      expect(Number(written.headers.get('retry-after') ?? Number.NaN)).toBeLessThanOrEqual(5);
      const { status, text } = await scene.child.call('GET', `${grant}/messages?limit=200`);
      expect([status, text.includes('"full '), text.slice(0, 200)]).toEqual([200, false, expect.any(String)]);
    }
    expect(signatures).toBe(0);
    expect(await cursorsOf(scene)).toEqual(cursors);
    disk.makeRoom();
    await forgetLeases(cluster.url);
    expect(scene.child.running).toBe(true);
    await expectInStep(checked, { since, ms: 60_000 });
    const body = { name: 'signature', body: noise(1, SIGNATURE_BYTES) };
    expect(await call('POST', `${grant}/signatures`, body)).toMatchObject({ status: 201 });
    expect(scene.bad).toEqual([]);
  });

  const endsOverItsLog = async () => {
    const { disk, cluster, scene } = await scenario();
    const { grantId, checked } = scene;
    const since = await snapshot(checked);
    const { url } = cluster;
    const superuser = await cluster.superuser();
    disk.fill();
    await deliver(scene);
    await fillLog(superuser);
    await cluster.ended;
    for (const end = Date.now() + FULL_MS; Date.now() < end; await sleep(100))
      expect(await scene.call('GET', `/v3/grants/${grantId}/messages?limit=5`)).toBeNull();
    disk.makeRoom();
    await cluster.startAgain();
    await forgetLeases(url);
    expect(cluster.url).toBe(url);
    expect(scene.child.running).toBe(true);
    await eventually(async () => expect((await scene.child.call('GET', '/readyz')).status).toBe(200), 30_000);
    await expectInStep(checked, { since, ms: 60_000 });
    expect(scene.bad).toEqual([]);
  };
  if (process.env.LONG)
    test(
      'PostgreSQL ends over its log: every answer says when to come again until it is back',
      endsOverItsLog,
    );

  const endsWithIt = async () => {
    const disk = new SmallDisk(DISK_MEGABYTES);
    close.push(() => disk.remove());
    const dataDir = join(disk.path, 'data');
    const socket = encodeURIComponent(join(dataDir, 'postgres-socket'));
    const url = (user: string) => `postgres://${user}@/mailquay?host=${socket}&port=5432`;
    const first = new Child(null, { dataDir });
    const scene = await startScene(first, { url: url('mailquay') });
    close.push(() => scene.stop());
    const since = await snapshot(scene.checked);
    const superuser = new pg.Client(url('postgres'));
    superuser.on('error', () => {});
    await superuser.connect();
    disk.fill();
    await deliver(scene);
    await fillLog(superuser);
    await first.ended;
    expect(first.said()).toMatch(/disk that holds .* is full\. Free some space .* and start again/);
    const tooEarly = new Child(null, { dataDir });
    await expect(tooEarly.ready()).rejects.toThrow(/is full\. Free some space/);
    disk.makeRoom();
    scene.child = new Child(null, { dataDir });
    await scene.child.ready();
    await expectInStep(scene.checked, { since, ms: 60_000 });
  };
  if (process.env.LONG)
    test('the embedded PostgreSQL ends: mailquay says what to do, and goes on when that is done', endsWithIt);
});

/** Writes until the log has no room: the segments that it has would last a while otherwise. */
async function fillLog(superuser: pg.Client): Promise<void> {
  try {
    for (;;) {
      await superuser.query('SELECT pg_logical_emit_message(false, $1, $1)', ['full']);
      await superuser.query('SELECT pg_switch_wal()');
    }
  } catch {
    await superuser.end().catch(() => {});
  }
}

async function cursorsOf({ sql, grantId }: Scene) {
  return sql('SELECT folder_id, uid_validity, uid_next FROM folder_cursors WHERE grant_id = $1 ORDER BY 1', [
    grantId,
  ]);
}
