/** mailquay's data directory takes no more, or nothing: mail goes on without raw copies, and no half file is taken for a whole one. */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { expectInStep, snapshot } from '../support/checker.ts';
import { Child } from '../support/child.ts';
import { freshDatabase } from '../support/test-database.ts';
import { largeMail, type Scene, startScene, USER } from './scene.ts';
import { describeOnSmallDisk, SmallDisk } from './small-disk.ts';

// Quiet, each takes a quarter of a minute.
vi.setConfig({ testTimeout: 180_000 });

const DISK_MEGABYTES = 16;
/** Larger than what waits in memory while it is checked (src/http/content/verified.ts). */
const LARGE_BYTES = 1_200_000;
const SMALL_BYTES = 2_000;

describeOnSmallDisk('the disk of the data directory (ST2)', () => {
  let disk: SmallDisk;
  let database: { url: string; drop: () => Promise<void> };
  let scene: Scene;
  let blobs: string;

  beforeEach(async () => {
    disk = new SmallDisk(DISK_MEGABYTES);
    database = await freshDatabase();
    const dataDir = join(disk.path, 'data');
    blobs = join(dataDir, 'blobs');
    scene = await startScene(new Child(database.url, { dataDir }), database);
  }, 120_000);
  afterEach(async () => {
    await scene?.stop();
    await database?.drop();
    await disk?.remove();
  });

  /** Delivers a mail and waits until it is stored, and told of once. */
  const arrives = async (subject: string, bytes: number) => {
    const since = await snapshot(scene.checked);
    const raw = largeMail(subject, subject.length, bytes);
    await scene.dovecot.append(USER, 'INBOX', raw);
    await expectInStep(scene.checked, { since, ms: 30_000 });
    const [row] = await scene.sql<{ id: string; object: string | null }>(
      'SELECT id, raw_object AS object FROM messages WHERE grant_id = $1 AND subject = $2',
      [scene.grantId, subject],
    );
    if (!row) throw new Error(`${subject} is not stored`);
    return { ...row, digest: digestOf(raw) };
  };
  const original = (id: string) =>
    scene.child.call('GET', `/v3/grants/${scene.grantId}/messages/${id}?fields=raw_mime`);
  const expectOriginal = async ({ id, digest }: { id: string; digest: string }) => {
    const { status, body, text } = await original(id);
    expect([status, text.slice(0, 300)]).toEqual([200, expect.any(String)]);
    const { raw_mime } = (body as { data: { raw_mime: string } }).data;
    expect(digestOf(Buffer.from(raw_mime, 'base64url'))).toBe(digest);
  };
  const expectNoRoom = async ({ id }: { id: string }) => {
    const { status, headers, text } = await original(id);
    expect([status, text]).toEqual([503, expect.stringContaining('api.unavailable')]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  };
  /** Every object is as long as the mails in it, every mail has its object, and no draft is left. */
  const expectWholeFiles = async () => {
    const rows = await scene.sql<{ object: string; length: number }>(
      `SELECT raw_object AS object, max(raw_offset + size)::int8 AS length FROM messages
        WHERE grant_id = $1 AND raw_object IS NOT NULL GROUP BY 1`,
      [scene.grantId],
    );
    const files = readdirSync(blobs, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const found = files.map((path) => [path.slice(blobs.length + 1), statSync(path).size]);
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries(rows.map(({ object, length }) => [object, length])),
    );
  };

  const ways: [how: string, take: () => void, give: () => void][] = [
    ['is full', () => disk.fill(), () => disk.makeRoom()],
    ['cannot be written to', () => disk.writable(false), () => disk.writable(true)],
  ];
  for (const [how, take, give] of process.env.LONG ? ways : ways.slice(0, 1)) {
    test(`${how}: mail arrives without raw copies, and what needs room says when to come again`, async () => {
      const before = await arrives('before', LARGE_BYTES);
      expect(before.object).not.toBeNull();
      await expectOriginal(before);

      take();
      const large = await arrives('large', LARGE_BYTES);
      const small = await arrives('small', SMALL_BYTES);
      expect([large.object, small.object]).toEqual([null, null]);
      await expectWholeFiles();
      // From its raw copy or from the provider: nothing is given out that was not checked first.
      await expectNoRoom(before);
      await expectNoRoom(large);
      await expectOriginal(small);
      expect((await scene.child.call('GET', `/v3/grants/${scene.grantId}/messages?limit=200`)).status).toBe(
        200,
      );

      give();
      for (const mail of [before, large, small]) await expectOriginal(mail);
      const after = await arrives('after', LARGE_BYTES);
      expect(after.object).not.toBeNull();
      await expectOriginal(after);
      await expectWholeFiles();
      expect(scene.child.running).toBe(true);
    });
  }
});

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
